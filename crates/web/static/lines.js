// A log's text in memory, cut into blocks of lines, so that any part of a million lines is at hand and cheap to keep.
// Each block begins with the colours that hold there, so it can be drawn without what stands before it.

import { PLAIN, encoded, styleAfter } from './ansi.js';

/** Lines in a block. */
export const BLOCK = 50;

/** The longest line that is kept, in characters; the raw log has the rest. */
export const LONGEST = 10_000;

const COLOURS = /\x1b\[[\d;:]*m/g;

/** The lines of one log. */
export class Lines {
  #closed = [];
  #open = [];
  #style = PLAIN;
  #tail = '';
  #over = 0;
  #cut = new Map();

  /** Number of lines; the last may be unfinished. */
  get count() {
    return this.#closed.length * BLOCK + this.#open.length + (this.#tail === '' ? 0 : 1);
  }

  /** The lines of a block, the last of the last one perhaps unfinished. */
  block(index) {
    if (index < this.#closed.length) return this.#closed[index].split('\n');
    const lines = this.#tail === '' ? [...this.#open] : [...this.#open, this.#tail];
    if (lines.length && this.#style !== PLAIN) lines[0] = encoded(this.#style) + lines[0];
    return lines;
  }

  /** Number of characters of a line (counted from 0) that were left out because it is too long. */
  missing(line) {
    return this.#cut.get(line) ?? (line === this.count - 1 ? this.#over : 0);
  }

  /** Adds text, which may begin and end anywhere, in the middle of a control sequence too. */
  append(text) {
    let from = 0;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      this.#tail += text.slice(from, at);
      this.#end();
      from = at + 1;
    }
    this.#tail += text.slice(from);
    if (this.#tail.length > 2 * LONGEST) this.#shorten();
  }

  #end() {
    if (this.#tail.length > LONGEST) this.#shorten();
    if (this.#over) this.#cut.set(this.#closed.length * BLOCK + this.#open.length, this.#over);
    this.#open.push(this.#tail);
    this.#tail = '';
    this.#over = 0;
    if (this.#open.length === BLOCK) this.#close();
  }

  #close() {
    const text = this.#open.join('\n');
    this.#closed.push(this.#style === PLAIN ? text : encoded(this.#style) + text);
    this.#style = plainer(styleAfter(text, this.#style));
    this.#open = [];
  }

  /** Keeps what is shown of a line that is too long: of a progress bar its last state, of any other its beginning. */
  #shorten() {
    const text = this.#tail.replace(/\r+$/, '');
    const ending = this.#tail.slice(text.length);
    const back = text.lastIndexOf('\r', text.length - 2);
    const [kept, rest] = back >= 0 && text.length - back < LONGEST
      ? [text.slice(back), text.slice(0, back)]
      : [text.slice(0, LONGEST), text.slice(LONGEST)];
    const colours = (rest.match(COLOURS) ?? []).slice(-16).join('');
    if (kept[0] !== '\r') this.#over += rest.length - colours.length;
    this.#tail = (kept[0] === '\r' ? colours + kept : kept + colours) + ending;
  }
}

/** The one plain style for all that look like it, so that most blocks need no colours of their own. */
function plainer(style) {
  return Object.keys(PLAIN).every((name) => style[name] === PLAIN[name]) ? PLAIN : style;
}
