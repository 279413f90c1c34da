// The columns that signs take in a terminal: none, one or two. The tables are those of the server's crate
// `unicode-width`; a test in `crates/web/src/assets/tests/widths.rs` compares them, and says what they have to be.

/** Ranges of signs without a width of their own, such as marks: distance from the range before, and length if not 1, in base 36. */
const NONE = `
4t gi-34 7n-7 7b-19 1 1-2 1-2 1-3 1n a-b 1 1a-l g 2t-7 2-6 2-2 1-4 x 1 u-r 2j-b 1m-9 9 o-4 1-9 1-3 1-5 17-3 1g-2 5-9
16-1l 1j 1 4-8 4 3-7 a-2 t 1m 1 2-4 8 9 a-2 q 2-2 1l 4-2 4-2 2-3 3 u-2 3 b-2 1l 4-5 1-2 4 k-2 m-6 1 1m 1-2 1-4 8 5-5
a-2 u 1n 1 c 9 14 3 1j 1-3 5-3 1-4 7-2 b-2 t 1m 2-2 1 3-3 1-4 7-2 b-2 s-2 1l-2 1 2-4 8-2 8 a-2 t 20 4 2-3 1 8 29 2-7
c-8 2q 2-9 b-7 21-2 r 1 1 1j-e 1-5 1-2 5-b 1-10 9 2u-4 1-6 1-2 2-2 p-2 4-3 g-4 d 2-2 6 f 5e-4g 9p-3 qa-4 s-3 t-2 u-2
1s-2 1-7 8 2-b 9 19-5 39-2 y 3a-3 4-2 9 6-3 63-2 2 1m 1-7 1 1 2-8 6-a 2 1c-1t f-4 1c-a 4-3 12-9 c-2 w-4 2-6 1k 1-2 3
1-5 1k-8 2-2 48-3 1-d 1-7 4 6 3-2 5i-1s ej-5 q-5 1d-g 2o-x 2da-3 6m-w fe-6 2x-2 5l n4a-4 1-a w-2 28-2 7k 3 4 p-2 5
47-2 q-i 8 4 12-8 p-b 1 18-3 1c 2-4 2-2 2 10 1v-6 2-2 2-2 c 8 1b 1f 1-3 2-2 5-2 1 16-2 8 6m 2 4 8n6-n 4-1d 6xu kh-g
g-g 5r 4g 27-9 ec 6a 45-5 1ae-3 1-2 5-4 14-3 4 4l-2 fx-4 1t-5 8t-2 u-5 w-g 1y-b 1d-4 3f 1i-f 15 2-2 a-3 1d-4 2-2 7
1p-3 10-5 1-8 1q c-2 1g-9 1 1-2 5-4 2 2n-3 2-4 6 2 4d 3-8 l-2 1l-2 1 1 c 9 e-7 3-5 1v 2-6 1 2 1-3 4-5 e-2 2d-8 2-3 1
n 29 2-6 1 2 1-2 1-2 6j 2-4 6-2 1-2 r-2 2d-8 2 1-2 2y 1 2-8 2t 1 2-4 1-5 77-9 1-2 6t a-5 1 1 40-4 2-2 4 w-a 14-6 2-4
8 9-6 2-3 14-j 1-2 5i 1-3 1 5l-7 1-6 1 2a-m 2-7 1-2 1-2 3e-6 3 1-2 1-9 20-2 3 1 2g 76-2 b-3 1f-5 5-3 n 44l 6-f 8ug-c
3-3 1xc-5 1n-7 t4 1r-4 29 b-2 f57-2 1-4 3mk-1a 2-n dc-2 1o-5 3-m 2-7 u-4 44-3 b-3 8-2 2 w-2 1ha-1j 4-1e 8 e m-5 1-f
11s-7 1-h 2-7 1-2 1-5 2s 4g-7 af 1p-4 e4-4 72-2 6r 2 7-2 5 d6-7 31-7 gzat-35s`;

/** Ranges of signs that take two columns. */
const WIDE = `
3cw-2o 18k 29h-2 d-2 5a-4 3 2 eh-2 l-2 q-8 g-c 17 a-6 3 d 8-2 h-2 5-2 8 5 l 7-2 1 4 2 7 4-2 s z 1 4-3 1 1p-3 o e nv-2
1f 4 mi-q 1-2h c-5y q-1m 6-f 2-2e 4-2t 5-17 1-1f 1-16 1-2e 9-1c 1-14 8-mkd 3-1j wp-t hv-8mc 6l8-e8 ls-a m-z 1-j 1-4
45-2o 3j-7 m49-4 e-5 9-5p7 10-y 2n-37 d-pe e-1f 5y5-4 1-7 1-2 1-89 9 t-3 2 e-5 7-b0 6bo-2f 9-n 5n1 5m 5a 2-a j 29-3
d-18 4-9 7-2 e-6 4a-x c-9 1-1y 1-m c-17 4-5 c-h 3 3-1z 1 1-57 2-1r d-4 1-o i q-2 d 2e-2d 1c-1y 6 3-3 2-5 2-4 b-2 7-9
65 5-c 4 7v-1b 1-a 1-55 34-d 3-1z 1 3-i 1-d 3-c zp-1eke 2-1eke`;

const RANGES = [[0, ranges(NONE)], [2, ranges(WIDE)]];

/** The width of a sign that is no control character. */
export function widthOf(sign) {
  const code = sign.codePointAt(0);
  if (code < 0xa0) return 1;
  return RANGES.find(([, borders]) => has(borders, code))?.[0] ?? 1;
}

/** The starts of ranges, and the ends, in turn. */
function ranges(table) {
  let at = 0;
  return table.trim().split(/\s+/).flatMap((range) => {
    const [distance, length = 1] = range.split('-').map((part) => parseInt(part, 36));
    const start = at + distance;
    at = start + length;
    return [start, at];
  });
}

/** Whether a range has the sign: an odd number of borders is not above it. */
function has(borders, code) {
  let [from, to] = [0, borders.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (borders[middle] <= code) from = middle + 1;
    else to = middle;
  }
  return from % 2 === 1;
}
