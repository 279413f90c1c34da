// One model of a terminal, which makes lines out of a log's bytes; `crates/model/src/terminal.rs` is the same for the
// server, and says why it does what it does. Both are held to the table in `crates/model/src/terminal/cases.json`.

import { PLAIN, coloured } from './ansi.js';
import { FURTHEST, Line, WIDEST } from './cells.js';
import { Sequences } from './sequence.js';

/** Number of lines at the end that can still change: the height of the screen. */
export const HEIGHT = 50;

const TAB = 8;
/** The modes in which a program has a screen to itself. */
const OTHER_SCREEN = /^\?(?:.*;)?(?:47|1047|1049)(?:;|$)/;
/** The signs in place of those from ` to ~ while lines and boxes are drawn. */
const DRAWN = '◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·';

/** A terminal of endless width, whose lines go to `finished(line)` when nothing can change them any more. */
export class Terminal {
  #sequences = new Sequences();
  /** The lines that can still change, and the number of those before them. */
  #lines = [];
  #first = 0;
  /** The place of the next sign; its line may not be there yet. */
  #row = 0;
  #column = 0;
  #style = PLAIN;
  /** The two sets of signs: for each whether it draws lines; and the one in use. */
  #draws = [false, false];
  #set = 0;
  /** The first line of the screen, and whether lines have left it at its top. */
  #top = 0;
  #hasScrolled = false;
  /** The last row of the part that scrolls, and whether the place is below it, where nothing is shown; 0 is none. */
  #bottom = 0;
  #isBelow = false;
  #isHome = false;
  #saved = null;
  #last = '';

  constructor(finished) {
    this.finished = finished;
  }

  /** The lines that may still change. */
  get open() {
    return this.#lines;
  }

  /** Reads a piece of a log, which may begin and end anywhere. */
  read(piece) {
    this.#sequences.read(piece, this);
  }

  /** Shows a text without control characters. */
  text(text) {
    if (this.#isBelow) return;
    this.#isHome = false;
    this.#last = [...text.slice(-2)].at(-1);
    this.#write(this.#draws[this.#set] ? text.replace(/[`-~]/g, (sign) => DRAWN[sign.charCodeAt(0) - 0x60]) : text);
  }

  control(sign) {
    this.#isHome = false;
    switch (sign) {
      case '\r': this.#column = 0; break;
      case '\n': this.#feed(true); break;
      case '\v': case '\f': this.#feed(false); break;
      case '\b': this.#column = Math.max(0, this.#column - 1); break;
      case '\t': this.#tab(); break;
      case '\x0e': this.#set = 1; break;
      case '\x0f': this.#set = 0; break;
      default:
    }
  }

  escape(between, final) {
    this.#isHome = false;
    if (between === '(' || between === ')') this.#draws[between === '(' ? 0 : 1] = final === '0';
    if (between !== '') return;
    switch (final) {
      case '7': this.#save(); break;
      case '8': this.#restore(); break;
      case 'D': this.#feed(false); break;
      case 'E': this.#feed(true); break;
      case 'M': this.#up(1); break;
      case 'c': this.#reset(); this.#bottom = 0; this.#otherScreen(); break;
      default:
    }
  }

  sequence(codes, between, final) {
    const isPrivate = /[<=>?]/.test(codes);
    if (between === '' && final === 'm' && !isPrivate) this.#style = coloured(this.#style, codes);
    else if (between === '!' && final === 'p') this.#reset();
    else if (between !== '' || codes.includes(':')) return;
    else if (/[hl]/.test(final) && OTHER_SCREEN.test(codes)) this.#otherScreen();
    else if (/^\?\d*$/.test(codes) && /[JK]/.test(final)) this.#act(final, [Number(codes.slice(1))]);
    else if (!isPrivate) this.#act(final, codes.split(';').map(Number));
  }

  /** Does what a control sequence with this last letter and these numbers says; 0 is none. */
  #act(final, [first, second = 0]) {
    const isHome = this.#isHome;
    const by = Math.max(1, first);
    this.#isHome = false;
    switch (final) {
      case 'A': this.#up(by); break;
      case 'B': case 'e': this.#down(by); break;
      case 'C': case 'a': this.#column = Math.max(this.#column, Math.min(this.#column + by, FURTHEST)); break;
      case 'D': this.#column = Math.max(0, this.#column - by); break;
      case 'E': this.#down(by); this.#column = 0; break;
      case 'F': this.#up(by); this.#column = 0; break;
      case 'G': case '`': this.#column = Math.min(by - 1, FURTHEST); break;
      case 'H': case 'f': this.#address(by, Math.min(Math.max(1, second) - 1, FURTHEST)); break;
      case 'd': this.#address(by, this.#column); break;
      case 'I': this.#column = Math.max(this.#column, Math.min(this.#stop(by), FURTHEST)); break;
      case 'Z': this.#column = Math.max(0, (Math.ceil(this.#column / TAB) - by) * TAB); break;
      case 'r': this.#bottom = second; this.#address(1, 0); break;
      case 's': if (first === 0) this.#save(); break;
      case 'u': if (first === 0) this.#restore(); break;
      default: this.#change(final, first, by, isHome);
    }
  }

  /** The sequences that change what stands there. */
  #change(final, first, by, isHome) {
    if (this.#isBelow) return;
    const line = this.#lines[this.#row - this.#first];
    switch (final) {
      case 'J':
        if (first === 2 || first === 3 || (first === 0 && isHome)) this.#clear();
        else this.#erase(first);
        if (first === 0) this.#lines.length = Math.min(this.#lines.length, this.#row - this.#first + 1);
        break;
      case 'K': this.#erase(first); break;
      case 'X': line?.erase(this.#column, this.#column + by); break;
      case 'P': line?.take(this.#column, by); break;
      case '@': line?.insert(this.#column, by); break;
      case 'b': this.#repeat(by); break;
      case 'L': case 'M': if (line && !line.hasFront) this.#shift(final === 'L', by); break;
      default:
    }
  }

  #write(text) {
    for (let rest = text; rest !== '';) {
      const line = this.#line();
      [this.#column, rest] = line.write(this.#column, rest, this.#style);
      if (rest !== '') this.#wrap(line);
    }
  }

  /** The line of the place, made if it is not there. */
  #line() {
    while (this.#lines.length <= this.#row - this.#first) {
      this.#lines.push(new Line());
      if (this.#lines.length > HEIGHT) this.#finish();
    }
    return this.#lines[this.#row - this.#first];
  }

  #finish() {
    this.finished(this.#lines.shift());
    this.#first += 1;
    if (this.#top < this.#first) {
      this.#top = this.#first;
      this.#hasScrolled = true;
    }
  }

  /** A line that is wider than all screens is part of none: those above it are done. */
  #wrap(line) {
    while (this.#first < this.#row) this.#finish();
    line.wrap();
    this.#column = 0;
  }

  #feed(isNewLine) {
    if (this.#isBelow) this.#row = this.#first + this.#lines.length;
    else {
      this.#line();
      this.#row += 1;
    }
    this.#isBelow = false;
    if (isNewLine) this.#column = 0;
    if (this.#row < this.#top + HEIGHT) return;
    this.#top = this.#row - HEIGHT + 1;
    this.#hasScrolled = true;
  }

  #tab() {
    if (this.#column >= WIDEST && !this.#isBelow) this.#wrap(this.#line());
    this.#column = this.#stop(1);
  }

  #stop(by) {
    return (Math.floor(this.#column / TAB) + by) * TAB;
  }

  #up(by) {
    this.#isBelow = false;
    this.#row = Math.max(this.#row - by, this.#top);
  }

  #down(by) {
    this.#isBelow = false;
    this.#row = Math.min(this.#row + by, this.#top + HEIGHT - 1);
  }

  /** Goes to a row by its number. Where lines have left the screen, nobody can know which one is meant: another begins. */
  #address(row, column) {
    this.#column = column;
    this.#isBelow = this.#bottom > 0 && row > this.#bottom;
    if (this.#isBelow) return;
    if (this.#hasScrolled) this.#begin();
    this.#row = this.#top + Math.min(row, HEIGHT) - 1;
    this.#isHome = row === 1 && column === 0;
  }

  /** Another screen begins below all lines. */
  #begin() {
    this.#top = this.#first + this.#lines.length;
    this.#row = this.#top;
    this.#hasScrolled = false;
  }

  /** A screen that is cleared stays in the log, and another screen begins. */
  #clear() {
    while (this.#first + this.#lines.length > this.#top && this.#lines.at(-1)?.isBlank) this.#lines.pop();
    this.#begin();
  }

  #otherScreen() {
    this.#clear();
    this.#isBelow = false;
    this.#column = 0;
  }

  #erase(how) {
    const line = this.#lines[this.#row - this.#first];
    if (how === 0) line?.cut(this.#column);
    else if (how === 1) line?.erase(0, this.#column + 1);
    else if (how === 2) line?.cut(0);
  }

  #repeat(by) {
    const count = Math.min(by, FURTHEST + 1 - this.#column);
    if (count > 0 && this.#last) this.text(this.#last.repeat(count));
  }

  /** Puts lines in between, or takes some out. */
  #shift(isIn, by) {
    const at = this.#row - this.#first;
    const count = Math.min(by, HEIGHT);
    this.#column = 0;
    if (!isIn) this.#lines.splice(at, count);
    else {
      this.#lines.splice(at, 0, ...Array.from({ length: count }, () => new Line()));
      this.#lines.length = Math.min(this.#lines.length, this.#top + HEIGHT - this.#first);
      while (this.#lines.length > HEIGHT) this.#finish();
    }
  }

  #reset() {
    this.#style = PLAIN;
    this.#draws = [false, false];
    this.#set = 0;
  }

  #save() {
    this.#saved = {
      row: this.#row, column: this.#column, style: this.#style, draws: [...this.#draws], set: this.#set, top: this.#top, hasScrolled: this.#hasScrolled,
    };
  }

  /** Without a place that was kept, the line's beginning. */
  #restore() {
    this.#isBelow = false;
    if (!this.#saved) {
      this.#column = 0;
      return;
    }
    const { row, column, style, draws, set, top, hasScrolled } = this.#saved;
    this.#row = Math.max(row, this.#first);
    this.#column = column;
    this.#style = style;
    this.#draws = [...draws];
    this.#set = set;
    this.#hasScrolled = hasScrolled || top < this.#first;
    this.#top = Math.max(top, this.#first);
  }
}
