// The styles of a terminal's text, and lines written down with them: plain text in which the only sequences are styles
// and blanks that nobody wrote. What else a log has in it was done by terminal.js before. Nothing here touches the page.

/** The style that a log starts with. */
export const PLAIN = Object.freeze({ fg: null, bg: null, bold: false, dim: false, italic: false, under: false, strike: false, inverse: false });

/** Blanks that nobody wrote are written down as a step to the right from here on. */
const GAP = 8;
const WRITTEN = /\x1b\[([\d;]*)([mC])/g;
const WEIGHTS = [['bold', 1], ['dim', 2], ['italic', 3], ['under', 4], ['inverse', 7], ['strike', 9]];

/** The runs of a line that was written down, and the style that holds behind it. */
export function parse(line, style = PLAIN) {
  const runs = [];
  const add = (text, of) => { if (text !== '') runs.push({ text, style: of }); };
  let from = 0;
  for (const { 0: sequence, 1: codes, 2: final, index } of line.matchAll(WRITTEN)) {
    add(line.slice(from, index), style);
    if (final === 'm') style = coloured(style, codes);
    else add(' '.repeat(Number(codes)), PLAIN);
    from = index + sequence.length;
  }
  add(line.slice(from), style);
  return { runs, style };
}

/** Writes runs down, which begin and end in the plain style. A run without a style is one of blanks that nobody wrote. */
export function written(runs) {
  let line = '';
  let style = PLAIN;
  for (const run of runs) {
    const next = run.style ?? PLAIN;
    if (next !== style) line += encoded(next);
    style = next;
    line += !run.style && run.text.length >= GAP ? `\x1b[${run.text.length}C` : run.text;
  }
  return style === PLAIN ? line : `${line}\x1b[0m`;
}

/** The sequence that leads from any style to this one. */
export function encoded(style) {
  const codes = [0];
  for (const [name, code] of WEIGHTS) {
    if (style[name]) codes.push(code);
  }
  if (style.fg !== null) codes.push(38, ...colourCodes(style.fg));
  if (style.bg !== null) codes.push(48, ...colourCodes(style.bg));
  return `\x1b[${codes.join(';')}m`;
}

function colourCodes(colour) {
  return typeof colour === 'number' ? [5, colour] : [2, ...colour];
}

/** The style after one colour sequence, such as `1;38;5;141`. Sub-parameters may be parted by colons. */
export function coloured(style, codes) {
  const next = { ...style };
  const queue = codes.split(';');
  while (queue.length) {
    const [code, ...sub] = queue.shift().split(':');
    apply(next, Number(code), sub, queue);
  }
  return same(next, style) ? style : same(next, PLAIN) ? PLAIN : Object.freeze(next);
}

function same(one, other) {
  return Object.keys(PLAIN).every((name) => String(one[name]) === String(other[name]));
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
  else if (code === 38 || code === 48 || code === 58) {
    const colour = sub.length ? colourOf(sub) : colourOf(taken(queue));
    // An underline's own colour is read, so that its numbers mean nothing else, and not shown.
    if (colour !== undefined && code !== 58) style[code === 38 ? 'fg' : 'bg'] = colour;
  } else if (code >= 30 && code <= 37) style.fg = code - 30;
  else if (code >= 40 && code <= 47) style.bg = code - 40;
  else if (code >= 90 && code <= 97) style.fg = code - 82;
  else if (code >= 100 && code <= 107) style.bg = code - 92;
}

/** The parameters of a colour, off the front of those that follow 38 or 48. */
function taken(queue) {
  const length = { 5: 2, 2: 4 }[Number(queue[0])] ?? 1;
  return queue.splice(0, length);
}

/** The colour that the parameters after 38 or 48 name. Between colons, a number of the space of colours may come first. */
function colourOf([kind, ...parts]) {
  const values = (parts.length > 3 ? parts.slice(1, 4) : parts).map(Number);
  if (values.some((value) => !(value <= 255))) return undefined;
  if (Number(kind) === 5 && values.length > 0) return values[0];
  return Number(kind) === 2 && values.length === 3 ? values : undefined;
}
