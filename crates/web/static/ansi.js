// A terminal's picture of one line: text in styles. Colours and weights are kept, movements within the line and erasing
// in it are done, and every other control sequence is dropped. Nothing here touches the page.

import { Cells } from './cells.js';

/** The style that a log starts with. */
export const PLAIN = Object.freeze({ fg: null, bg: null, bold: false, dim: false, italic: false, under: false, strike: false, inverse: false });

/** A CSI sequence; a string sequence (title, link); any other escape; a lone control character. An unfinished one at the end counts. */
const SEQUENCE = /\x1b\[([0-9;:?<=>]*)[ -/]*([@-~]|$|(?=[^ -~]))|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)?|\x1b[ -/]*[0-~]?|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;
const COLOURS = /\x1b\[([0-9;:]*)m/g;
/** Signs and short escapes that move the cursor, and all sequences that need cells. */
const SINGLE = /^(?:[\r\b]|\x1b[78])$/;
const OVERWRITES = /[\r\b\t]|\x1b\[\d*[CDGJKPX@`asu]|\x1b[78]/;

/** The style that holds after a text that began in `style`. */
export function styleAfter(text, style) {
  if (!text.includes('\x1b[')) return style;
  for (const [, codes] of text.matchAll(COLOURS)) style = coloured(style, codes);
  return style;
}

/** A line's runs of text in one style each, and the style that the next line begins with. */
export function parse(line, style) {
  const text = line.replace(/\r+$/, '');
  return OVERWRITES.test(text) ? overwritten(text, style) : straight(text, style);
}

/** The sequence that leads from a reset terminal to this style. */
export function encoded(style) {
  const codes = [0];
  for (const [name, code] of [['bold', 1], ['dim', 2], ['italic', 3], ['under', 4], ['inverse', 7], ['strike', 9]]) {
    if (style[name]) codes.push(code);
  }
  if (style.fg !== null) codes.push(38, ...colourCodes(style.fg));
  if (style.bg !== null) codes.push(48, ...colourCodes(style.bg));
  return `\x1b[${codes.join(';')}m`;
}

function colourCodes(colour) {
  return typeof colour === 'number' ? [5, colour] : [2, ...colour];
}

function* tokens(text) {
  let from = 0;
  for (const match of text.matchAll(SEQUENCE)) {
    if (match.index > from) yield { text: text.slice(from, match.index) };
    yield { control: match[0], codes: match[1], final: match[2] };
    from = match.index + match[0].length;
  }
  if (from < text.length) yield { text: text.slice(from) };
}

function straight(text, style) {
  const runs = [];
  for (const token of tokens(text)) {
    if (token.text) runs.push({ text: token.text, style });
    else if (token.final === 'm') style = coloured(style, token.codes);
  }
  return { runs, style };
}

/** Progress bars write over their own line. */
function overwritten(text, style) {
  const cells = new Cells(PLAIN);
  for (const token of tokens(text)) {
    if (token.text) cells.write(token.text, style);
    else if (token.final === 'm') style = coloured(style, token.codes);
    else if (SINGLE.test(token.control)) cells.control(token.control.at(-1), 0);
    else if (/^\d*$/.test(token.codes)) cells.control(token.final, Number(token.codes));
  }
  return { runs: cells.runs(), style };
}

/** The style after one colour sequence, such as `1;38;5;141`. Sub-parameters may be parted by colons. */
function coloured(style, codes) {
  if (/[?<=>]/.test(codes)) return style;
  const next = { ...style };
  const queue = codes.split(';');
  while (queue.length) {
    const [code, ...sub] = queue.shift().split(':');
    apply(next, Number(code) || 0, sub, queue);
  }
  return Object.freeze(next);
}

const SWITCHES = {
  1: { bold: true }, 2: { dim: true }, 3: { italic: true }, 7: { inverse: true }, 9: { strike: true }, 21: { under: true },
  22: { bold: false, dim: false }, 23: { italic: false }, 24: { under: false }, 27: { inverse: false }, 29: { strike: false },
  39: { fg: null }, 49: { bg: null },
};

function apply(style, code, sub, queue) {
  if (code === 0) Object.assign(style, PLAIN);
  else if (SWITCHES[code]) Object.assign(style, SWITCHES[code]);
  else if (code === 4) style.under = sub[0] !== '0';
  else if (code === 38 || code === 48) {
    const colour = sub.length ? colourOf(sub.filter((part) => part !== '')) : colourOf(queue, true);
    if (colour !== undefined) style[code === 38 ? 'fg' : 'bg'] = colour;
  } else if (code >= 30 && code <= 37) style.fg = code - 30;
  else if (code >= 40 && code <= 47) style.bg = code - 40;
  else if (code >= 90 && code <= 97) style.fg = code - 82;
  else if (code >= 100 && code <= 107) style.bg = code - 92;
}

/** The colour after 38 or 48; takes its parameters off the queue if they stand there. */
function colourOf(parts, take = false) {
  const kind = Number(parts[0]);
  const length = kind === 5 ? 2 : kind === 2 ? 4 : 1;
  const values = (take ? parts.splice(0, length) : parts.slice(-length)).slice(-length + 1).map(Number);
  if (values.some((value) => !(value >= 0 && value <= 255))) return undefined;
  if (kind === 5 && values.length === 1) return values[0];
  return kind === 2 && values.length === 3 ? values : undefined;
}
