// Draws a log of any length: rows have one height, so only the blocks near the window are in the page, and the rest is
// empty space of the right size. All text is set as text, never as markup.

import { PLAIN, parse } from './ansi.js';
import { look } from './colour.js';
import { BLOCK } from './lines.js';
import { Scroll } from './scroll.js';

/** Distance beyond the window within which rows are drawn, in pixels. */
const MARGIN = 600;

/** The part of the page that shows a log's lines. */
export class Viewer {
  /** `view` scrolls; `onfollow` is told when following the end begins or stops. */
  constructor(view, lines, onfollow) {
    this.view = view;
    this.lines = lines;
    this.rows = view.appendChild(element('div', 'log-rows'));
    this.scroll = new Scroll(view, this.rows, { moved: () => { this.sought = 0; }, drawn: () => this.refresh(), followed: onfollow });
    this.drawn = new Map();
    this.count = 0;
    this.target = 0;
    this.sought = 0;
    this.width = 0;
    this.height = parseFloat(getComputedStyle(view).lineHeight) || 20;
    new ResizeObserver(() => this.refresh()).observe(view);
  }

  /** Draws again soon, once however often it is asked. */
  refresh() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.#draw();
    });
  }

  /** Forgets all lines and begins with others. */
  restart(lines) {
    this.lines = lines;
    this.drawn.forEach((block) => block.node.remove());
    this.drawn.clear();
    this.refresh();
  }

  /** Whether the end is kept in sight. */
  get following() {
    return this.scroll.following;
  }

  /** Keeps the end in sight, or stops to. */
  follow(on) {
    if (on) this.sought = 0;
    this.scroll.follow(on);
  }

  /** Goes to the end once. */
  toEnd() {
    this.sought = Infinity;
    this.refresh();
  }

  /** No more lines come: who followed stands at the end, and is free to leave it. */
  finish() {
    if (this.following) this.toEnd();
    this.scroll.finish();
  }

  /** Marks a line and brings it into the middle of the view as soon as it is there; 0 marks none. */
  seek(number, scroll = true) {
    this.target = number;
    this.sought = scroll ? number : 0;
    if (number && scroll) this.follow(false);
    this.rows.querySelector('.target')?.classList.remove('target');
    document.getElementById(`L${number}`)?.classList.add('target');
    this.#draw();
  }

  #draw() {
    const { held } = this.scroll;
    const count = held ? Math.min(this.count, this.lines.count) : this.lines.count;
    this.count = count;
    this.rows.style.setProperty('--digits', String(count).length);
    this.scroll.fit(count * this.height);
    if (!held && (this.sought === Infinity || (this.sought && this.sought <= count))) this.#reach();
    const [first, last] = this.#window(count);
    for (const [index, block] of this.drawn) {
      if (index < first || index > last) {
        block.node.remove();
        this.drawn.delete(index);
      }
    }
    for (let index = first; index <= last; index += 1) this.#drawBlock(index, count);
    this.#widen();
  }

  #reach() {
    this.scroll.go((this.sought - 0.5) * this.height - this.view.clientHeight / 2);
    this.sought = 0;
  }

  /** The first and last block to draw. */
  #window(count) {
    const size = BLOCK * this.height;
    const first = Math.max(0, Math.floor((this.scroll.place - MARGIN) / size));
    const last = Math.floor((this.scroll.place + this.view.clientHeight + MARGIN) / size);
    return [first, Math.min(last, Math.ceil(count / BLOCK) - 1)];
  }

  /** Draws what has changed in a block since it was drawn; a block whose lines are all finished never does. */
  #drawBlock(index, count) {
    const block = this.drawn.get(index) ?? this.#newBlock(index);
    block.node.style.top = `${index * BLOCK * this.height - this.scroll.shift}px`;
    if (block.whole) return;
    const first = index * BLOCK;
    const lines = this.lines.block(index).slice(0, count - first);
    for (let at = 0; at < lines.length; at += 1) {
      const missing = this.lines.missing(first + at);
      if (block.lines[at] === lines[at] && block.missing[at] === missing) continue;
      const row = this.#drawLine(first + at, lines[at], missing);
      if (at < block.node.childElementCount) block.node.children[at].replaceWith(row);
      else block.node.append(row);
      block.lines[at] = lines[at];
      block.missing[at] = missing;
    }
    while (block.node.childElementCount > lines.length) block.node.lastElementChild.remove();
    block.lines.length = lines.length;
    block.missing.length = lines.length;
    block.whole = lines.length === BLOCK && this.lines.finished >= first + BLOCK;
  }

  /** Blocks stand in the page in their order, for who listens or copies. `lines` and `missing` are what is drawn of them. */
  #newBlock(index) {
    const block = { node: element('div', 'b'), lines: [], missing: [], whole: false };
    const later = [...this.drawn].filter(([other]) => other > index).sort(([one], [other]) => one - other)[0];
    this.rows.insertBefore(block.node, later?.[1].node ?? null);
    this.drawn.set(index, block);
    return block;
  }

  #drawLine(index, line, missing) {
    const row = element('div', index + 1 === this.target ? 'l target' : 'l');
    row.id = `L${index + 1}`;
    const link = row.appendChild(element('a', '', String(index + 1)));
    link.href = `#L${index + 1}`;
    link.tabIndex = -1;
    const text = row.appendChild(element('span'));
    for (const { text: shown, style } of parse(line).runs) text.append(style === PLAIN ? shown : drawRun(shown, style));
    if (missing > 0) text.append(element('span', 'note', ` … ${missing.toLocaleString()} more characters in the raw log`));
    return row;
  }

  /** The rows are as wide as the widest seen, so that scrolling sideways stays where it is. */
  #widen() {
    const width = this.view.scrollWidth;
    if (width > this.width && width > this.view.clientWidth) {
      this.width = width;
      this.rows.style.width = `${width}px`;
    }
  }
}

function drawRun(text, style) {
  const { classes, ink, ground } = look(style);
  const run = element('span', classes, text);
  if (ink) run.style.color = ink;
  if (ground) run.style.backgroundColor = ground;
  return run;
}

function element(name, classes = '', text = '') {
  const made = document.createElement(name);
  if (classes) made.className = classes;
  if (text) made.textContent = text;
  return made;
}
