// The look of a style on the log's dark ground: classes for the sixteen named colours, which the style sheet knows,
// and exact colours for the rest, made light enough to be read.

const LEVELS = [0, 95, 135, 175, 215, 255];
const FLAGS = [['bold', 'bo'], ['dim', 'di'], ['italic', 'it'], ['under', 'un'], ['strike', 'st']];

/** The classes of a style, and its exact colours where no class names them. */
export function look(style) {
  const [fg, bg] = style.inverse ? [style.bg, style.fg] : [style.fg, style.bg];
  const classes = FLAGS.filter(([flag]) => style[flag]).map(([, name]) => name);
  if (style.inverse && fg === null && bg === null) classes.push('iv');
  if (named(fg)) classes.push(`f${fg}`);
  if (named(bg)) classes.push(`g${bg}`);
  const ground = named(bg) || bg === null ? null : rgb(bg);
  const ink = named(fg) || fg === null ? null : ground ? rgb(fg) : readable(rgb(fg));
  return { classes: classes.join(' '), ink: css(ink ?? (ground && fg === null ? inkOn(ground) : null)), ground: css(ground) };
}

function named(colour) {
  return typeof colour === 'number' && colour < 16;
}

/** Red, green and blue of an entry of the 256 colours, or of a colour given as such. */
export function rgb(colour) {
  if (typeof colour !== 'number') return colour;
  if (colour >= 232) return Array(3).fill(8 + (colour - 232) * 10);
  const cube = colour - 16;
  return [Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((step) => LEVELS[step]);
}

/** The colour, mixed with white until it stands out from the log's ground. */
export function readable(colour) {
  for (let white = 0; white < 1; white += 0.1) {
    const mixed = colour.map((part) => Math.round(part + (255 - part) * white));
    if (luminance(mixed) > 0.21) return mixed;
  }
  return [255, 255, 255];
}

function inkOn(ground) {
  return luminance(ground) > 0.18 ? [16, 19, 31] : [238, 240, 255];
}

function luminance(colour) {
  const [r, g, b] = colour.map((part) => (part / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function css(colour) {
  return colour ? `rgb(${colour.join(' ')})` : '';
}
