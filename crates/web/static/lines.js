// A log's lines in memory, as a terminal shows them, cut into blocks, so that any part of a million lines is at hand and
// cheap to keep. Each line is written down by itself, so that it can be drawn without those before it.

import { WIDEST } from './cells.js';
import { Terminal } from './terminal.js';

/** Lines in a block. */
export const BLOCK = 50;

/** The longest line that is kept, in columns; the raw log has the rest. */
export const LONGEST = WIDEST;

/** The lines of one log. */
export class Lines {
  #closed = [];
  #recent = [];
  #cut = new Map();
  #terminal = new Terminal((line) => this.#finish(line));

  /** Number of lines; the last may be unfinished. While a program goes back up, there may be fewer again. */
  get count() {
    return this.finished + this.#terminal.open.length;
  }

  /** Number of lines at the beginning that never change again. */
  get finished() {
    return this.#closed.length * BLOCK + this.#recent.length;
  }

  /** The lines of a block, written down. */
  block(index) {
    if (index < this.#closed.length) return this.#closed[index].split('\n');
    const open = this.#terminal.open.map((line) => line.text);
    const from = (index - this.#closed.length) * BLOCK;
    return [...this.#recent, ...open].slice(from, from + BLOCK);
  }

  /** Number of characters of a line (counted from 0) that were left out because it is too long. */
  missing(line) {
    return this.#cut.get(line) ?? this.#terminal.open[line - this.finished]?.missing ?? 0;
  }

  /** Adds text, which may begin and end anywhere, in the middle of a control sequence too. */
  append(text) {
    this.#terminal.read(text);
  }

  #finish(line) {
    if (line.missing > 0) this.#cut.set(this.finished, line.missing);
    this.#recent.push(line.text);
    if (this.#recent.length < BLOCK) return;
    this.#closed.push(this.#recent.join('\n'));
    this.#recent = [];
  }
}
