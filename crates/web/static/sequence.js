// A terminal's output, cut into what it shows and what it is told to do (ECMA-48). A sequence may come in any number of
// pieces. `crates/model/src/terminal/sequence.rs` is the same for the server.

/** The longest list of parameters that is kept of a control sequence, in characters. */
const LONGEST = 1_024;

const SHOWN = /[^\x00-\x1f\x7f-\x9f]+/y;
/** All that can end a string, or the line that it hides. */
const END_OF_STRING = /[\x07\x18\x1a\x1b\n\x9c]/g;
const SIGN = /[ -~]/;
/** All that cannot stand in a sequence: it ends there, and shows nothing. */
const ENDING = /[\n\x18\x1a\x1b]|[^\x00-\x7f]/;
const PARAMETER = /[0-?]/;
const INTERMEDIATE = /[ -/]/;
/** The signs behind an escape that begin a string: a command to the system (title, link), others. */
const STRING = /[\]PX^_]/;

/** Reads a terminal's output. */
export class Sequences {
  /** The part that the next sign belongs to: 'text', 'escape', 'control' or 'string'. */
  #inside = 'text';
  /** Whether a bell ends the string. */
  #rings = false;
  #codes = '';
  #between = '';

  /** Reads a piece. `on` has `text(string)`, `control(sign)`, `escape(between, final)` and `sequence(codes, between, final)`. */
  read(piece, on) {
    let at = 0;
    while (at < piece.length) {
      if (this.#inside === 'text') at = this.#text(piece, at, on);
      else if (this.#inside === 'string') at = this.#string(piece, at, on);
      else if (this.#step(piece[at], on)) at += 1;
    }
  }

  #text(piece, at, on) {
    SHOWN.lastIndex = at;
    const shown = SHOWN.exec(piece)?.[0];
    if (shown) on.text(shown);
    const next = at + (shown?.length ?? 0);
    if (next < piece.length) this.#control(piece[next], on);
    return next + 1;
  }

  /** A string leaves no trace. One that was never ended hides no more than its line. */
  #string(piece, at, on) {
    END_OF_STRING.lastIndex = at;
    const end = END_OF_STRING.exec(piece);
    if (!end) return piece.length;
    if (end[0] !== '\x07' || this.#rings) {
      this.#inside = 'text';
      if (end[0] !== '\x07') this.#control(end[0], on);
    }
    return end.index + 1;
  }

  /** Does what a control character says; those from 0x80 on are an escape and a sign in one. */
  #control(sign, on) {
    if (sign === '\x1b') this.#begin('escape');
    else if (sign >= '\x80' && sign <= '\x9f') {
      this.#begin('escape');
      this.#escape(String.fromCharCode(sign.charCodeAt(0) - 0x40), on);
    } else on.control(sign);
  }

  #begin(inside) {
    this.#inside = inside;
    this.#codes = '';
    this.#between = '';
  }

  /** Takes one sign within a sequence, unless it ends that and is text or a command itself. Most control characters are done in its midst, as terminals do; the end of a line ends it. */
  #step(sign, on) {
    if (SIGN.test(sign)) {
      if (this.#inside === 'escape') this.#escape(sign, on);
      else this.#parameter(sign, on);
    } else if (ENDING.test(sign)) {
      this.#inside = 'text';
      return false;
    } else if (sign < ' ') on.control(sign);
    return true;
  }

  #escape(sign, on) {
    if (INTERMEDIATE.test(sign)) this.#between += this.#between.length < 2 ? sign : '';
    else if (this.#between === '' && sign === '[') this.#begin('control');
    else if (this.#between === '' && STRING.test(sign)) {
      this.#begin('string');
      this.#rings = sign === ']';
    } else {
      this.#inside = 'text';
      on.escape(this.#between, sign);
    }
  }

  #parameter(sign, on) {
    if (PARAMETER.test(sign)) this.#codes += this.#codes.length < LONGEST ? sign : '';
    else if (INTERMEDIATE.test(sign)) this.#between += this.#between.length < 2 ? sign : '';
    else {
      this.#inside = 'text';
      on.sequence(this.#codes, this.#between, sign);
    }
  }
}
