// One line of a terminal: signs in cells, and a cursor that goes back and forth among them. Spinners, progress bars and
// tables are written so. Rows above and below are other lines of the log, which nothing here can reach.

/** The furthest column that a sequence can lead to; text alone may be longer. */
const WIDEST = 1_000;
/** No more cells are moved aside to insert some. */
const MOST = 10_000;
const TAB = 8;
/** Signs that take two columns, and those that take none of their own. */
const WIDE = /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u;
const JOINED = /[\p{Mn}\p{Me}\p{Cf}\u{1f3fb}-\u{1f3ff}]/u;

/** The cells of a line. */
export class Cells {
  #cells = [];
  #column = 0;
  #saved = 0;

  constructor(blank) {
    this.blank = { sign: ' ', style: blank };
  }

  /** Writes a text where the cursor stands. */
  write(text, style) {
    for (const sign of text) {
      if (sign === '\t') this.#column += TAB - this.#column % TAB;
      else if (JOINED.test(sign) || this.#isJoining()) this.#join(sign);
      else this.#put(sign, style);
    }
  }

  /** Does what a control sequence with this last letter and this number says; 0 is none. */
  control(final, number) {
    const by = Math.min(Math.max(1, number), WIDEST);
    const rest = Math.max(0, this.#cells.length - this.#column);
    switch (final) {
      case '\r': this.#column = 0; break;
      case '\b': case 'D': this.#column = Math.max(0, this.#column - by); break;
      case 'C': case 'a': this.#column = Math.max(this.#column, Math.min(this.#column + by, WIDEST)); break;
      case 'G': case '`': this.#column = by - 1; break;
      case 'K': this.#erase(number); break;
      case 'J': if (number === 0) this.#erase(0); break;
      case 'X': this.#cells.fill(this.blank, this.#column, this.#column + Math.min(by, rest)); break;
      case 'P': this.#cells.splice(this.#column, by); break;
      case '@': if (rest) this.#insert(by); break;
      case '7': case 's': this.#saved = this.#column; break;
      case '8': case 'u': this.#column = this.#saved; break;
      default:
    }
  }

  /** The runs of text in one style each. */
  runs() {
    const runs = [];
    for (let column = 0; column < this.#cells.length; column += 1) {
      const { sign, style } = this.#cells[column] ?? this.blank;
      const last = runs.at(-1);
      if (last?.style === style) last.text += sign;
      else if (sign) runs.push({ text: sign, style });
    }
    return runs;
  }

  /** A sign that takes two columns leaves the second one empty; half of one that is written over is a blank. */
  #put(sign, style) {
    const width = WIDE.test(sign) ? 2 : 1;
    const cells = this.#cells;
    if (cells[this.#column]?.sign === '') cells[this.#column - 1] = this.blank;
    if (cells[this.#column + width]?.sign === '') cells[this.#column + width] = this.blank;
    cells[this.#column] = { sign, style };
    if (width === 2) cells[this.#column + 1] = { sign: '', style };
    this.#column += width;
  }

  #join(sign) {
    const before = this.#before();
    const cell = this.#cells[before];
    if (cell) this.#cells[before] = { ...cell, sign: cell.sign + sign };
  }

  /** Whether the sign before ends with what joins it to the next. */
  #isJoining() {
    return this.#cells[this.#before()]?.sign.endsWith('\u200d') ?? false;
  }

  #before() {
    const column = this.#column - 1;
    return this.#cells[column]?.sign === '' ? column - 1 : column;
  }

  #erase(how) {
    const cells = this.#cells;
    if (how === 2) cells.length = 0;
    else if (how === 1) cells.fill(this.blank, 0, this.#column + 1);
    else cells.length = Math.min(cells.length, this.#column);
  }

  #insert(by) {
    this.#cells.splice(this.#column, 0, ...Array(by).fill(this.blank));
    this.#cells.length = Math.min(this.#cells.length, MOST);
  }
}
