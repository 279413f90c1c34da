// One line of a terminal: signs in cells. Spinners, progress bars and tables go back and forth among them. As long as
// nobody does, the line is plain runs of text, which is quick and small.

import { written } from './ansi.js';
import { widthOf } from './widths.js';

/** The most columns of a line. A longer one goes on in the line's next part, as if the terminal ended there. */
export const WIDEST = 10_000;

/** The last column that a sequence can lead to, counted from 0; no real terminal is wider. */
export const FURTHEST = 999;

/** The most signs that stand in one cell, such as a letter with many marks. */
const CROWDED = 32;
/** Signs from here on may be joined by U+200D: arrows, symbols, emoji. Letters are not. */
const SYMBOLS = '\u2190';
const JOINER = '\u200d';
/** Signs of one column each, to which nothing is joined. */
const SIMPLE = /^[ -~\u00a0-\u00ac\u00ae-\u02ff]*$/;
const SKIN = /[\u{1f3fb}-\u{1f3ff}]/u;

/** A line while it is written. */
export class Line {
  #runs = [];
  #length = 0;
  /** A sign for each column, and its style, as soon as runs do not do. Behind a wide sign stands an empty one, and null where nobody wrote. */
  #signs = null;
  #styles = null;
  /** The outcome of the line's first part, if it has others. */
  #front = null;
  #missing = 0;
  #text = null;

  /** Whether this is a later part of a line, which is wider than all screens then. */
  get hasFront() {
    return this.#front !== null;
  }

  /** Number of characters that are left out because the line is too long. */
  get missing() {
    return this.#front === null ? 0 : this.#missing + plain(this.#current()).length;
  }

  /** Whether nothing stands here. */
  get isBlank() {
    return this.#front === null && this.#current().length === 0;
  }

  /** The line, written down. */
  get text() {
    this.#text ??= this.#front ?? written(this.#current());
    return this.#text;
  }

  /** Writes signs from a column on, as many as there is room for; returns the next column, and what is left of the text. */
  write(column, text, style) {
    this.#text = null;
    return SIMPLE.test(text) ? this.#writeSimple(column, text, style) : this.#writeAny(column, text, style);
  }

  /** Goes on in the line's next part. */
  wrap() {
    this.#spread();
    this.#widen(WIDEST);
    if (this.#front === null) this.#front = written(this.#gathered(WIDEST));
    else this.#missing += plain(this.#gathered(WIDEST)).length;
    this.#empty();
  }

  /** Erases from a column to the end. */
  cut(column) {
    if (column === 0) this.#empty();
    if (column >= this.#length) return;
    this.#spread(column);
    this.#signs.length = column;
    this.#styles.length = column;
    this.#length = column;
  }

  /** Leaves blanks in the columns from `from` up to `to`. This and the next two are done only in lines that fit on a screen. */
  erase(from, to) {
    const end = Math.min(to, this.#length);
    if (from >= end || !this.#fits) return;
    this.#spread(from, end);
    this.#signs.fill(null, from, end);
  }

  /** Takes cells out; those behind them move up. */
  take(column, count) {
    if (column >= this.#length || !this.#fits) return;
    const end = Math.min(column + count, this.#length);
    this.#spread(column, end);
    // Not by `copyWithin`, which moves the cells of an array one by one.
    for (const cells of [this.#signs, this.#styles]) cells.splice(column, end - column);
    this.#length = this.#signs.length;
  }

  /** Puts blanks in between. What is moved out of the screen is gone. */
  insert(column, count) {
    if (column >= this.#length || !this.#fits) return;
    const length = Math.min(this.#length + count, FURTHEST + 1);
    const end = Math.min(column + count, length);
    this.#spread(column, length - (end - column));
    for (const cells of [this.#signs, this.#styles]) {
      cells.splice(column, 0, ...Array(end - column).fill(null));
      cells.length = length;
    }
    this.#length = length;
  }

  get #fits() {
    return this.#length <= FURTHEST + 1;
  }

  #empty() {
    this.#text = null;
    this.#runs = [];
    this.#length = 0;
    this.#signs = null;
    this.#styles = null;
  }

  #writeSimple(column, text, style) {
    const shown = text.slice(0, WIDEST - column);
    const end = column + shown.length;
    if (column === 0 && end >= this.#length) this.#empty();
    if (this.#signs === null && column >= this.#length) this.#append(column, shown, style);
    else {
      this.#spread(column, end);
      this.#widen(end);
      for (let at = column; at < end; at += 1) this.#signs[at] = shown[at - column];
      this.#styles.fill(style, column, end);
    }
    return [end, text.slice(shown.length)];
  }

  #append(column, text, style) {
    if (column > this.#length) this.#runs.push({ text: ' '.repeat(column - this.#length), style: null });
    const last = this.#runs.at(-1);
    if (last?.style === style) last.text += text;
    else if (text !== '') this.#runs.push({ text, style });
    this.#length = column + text.length;
  }

  #writeAny(column, text, style) {
    this.#spread();
    let used = 0;
    for (const sign of text) {
      const width = widthOf(sign);
      if (!this.#join(column, sign, width)) {
        if (column + width > WIDEST) break;
        this.#put(column, sign, width, style);
        column += width;
      }
      used += sign.length;
    }
    return [column, text.slice(used)];
  }

  #put(column, sign, width, style) {
    this.#spread(column, column + width);
    this.#widen(column + width);
    this.#signs[column] = sign;
    this.#styles[column] = style;
    if (width === 2) this.#signs[column + 1] = '';
  }

  /** Adds a sign without a width of its own to the one before; one that has none before it is not shown. */
  #join(column, sign, width) {
    const at = this.#signs[column - 1] === '' ? column - 2 : column - 1;
    const before = this.#signs[at];
    if (width > 0 && !(before >= SYMBOLS && (SKIN.test(sign) || (before.endsWith(JOINER) && sign >= SYMBOLS)))) return false;
    const isCrowded = [...before ?? ''].length >= CROWDED;
    if (isCrowded && width > 0) return false;
    if (before && !isCrowded) this.#signs[at] += sign;
    return true;
  }

  /** Lays the line out in cells, and takes wide signs away whose halves are on both sides of a border. */
  #spread(...borders) {
    this.#text = null;
    if (this.#signs === null) {
      // As long as there are runs, each sign has one column.
      this.#signs = this.#runs.flatMap(({ text, style }) => style ? text.split('') : Array(text.length).fill(null));
      this.#styles = this.#runs.flatMap(({ text, style }) => Array(text.length).fill(style));
    }
    for (const column of borders) {
      if (this.#signs[column] === '') this.#signs.fill(null, column - 1, column + 1);
    }
  }

  #widen(length) {
    while (this.#length < length) {
      this.#signs.push(null);
      this.#styles.push(null);
      this.#length += 1;
    }
  }

  /** The runs, without blanks behind the last sign. */
  #current() {
    if (this.#signs === null) return this.#runs;
    let length = this.#length;
    while (length > 0 && this.#signs[length - 1] === null) length -= 1;
    return this.#gathered(length);
  }

  /** The runs of the first columns. */
  #gathered(length) {
    const runs = [];
    for (let column = 0; column < length; column += 1) {
      const sign = this.#signs[column];
      const style = sign === null ? null : sign === '' ? runs.at(-1).style : this.#styles[column];
      const last = runs.at(-1);
      if (last?.style === style) last.text += sign ?? ' ';
      else runs.push({ text: sign ?? ' ', style });
    }
    return runs;
  }
}

function plain(runs) {
  return runs.map((run) => run.text).join('');
}
