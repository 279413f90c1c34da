// The scroll range of a log. Browsers cannot scroll over rows of any height: Firefox draws none in a box above 17.9
// million pixels, Chromium cuts it off at 33.5 million, and a page that is enlarged meets that earlier. So a long log's
// box is shorter than its rows, and the rows are shifted in it: not at all at its top, by all that is missing at its
// end, and in proportion in between.

/** The tallest box, in pixels: safe in a page at five times its size on a screen of twice the density. */
export const TALLEST = 3_000_000;

/** Distance from an end of the box within which the shift does not change, in pixels: there a scrollbar leads as exactly as in short logs. */
const EDGE = 150_000;

/** Longest distance of a place in the box from where the scrollbar would lead, in pixels: a hundredth of the bar. */
const SLACK = TALLEST / 100;

/** The relation of places in the box to places in the rows. Both are the distance, in pixels, of the view's upper edge from the top. */
export class Range {
  /** `furthest` is how far the box can be scrolled, `excess` how much of the rows it lacks. */
  constructor(furthest, excess) {
    this.furthest = furthest;
    this.excess = excess;
  }

  /** The end of the rows. */
  get end() {
    return this.furthest + this.excess;
  }

  /** Shift of the rows when somebody leaps to this place in the box. */
  shiftAt(top) {
    const share = (top - EDGE) / (this.furthest - 2 * EDGE);
    return this.excess && this.excess * Math.min(1, Math.max(0, share));
  }

  /** The place in the box that belongs to one in the rows: the inverse of the above. */
  topAt(place) {
    if (place <= EDGE || !this.excess) return place;
    if (place >= this.end - EDGE) return place - this.excess;
    const middle = this.furthest - 2 * EDGE;
    return EDGE + (place - EDGE) * middle / (middle + this.excess);
  }

  /** Whether the box is about to end before the rows do, after many small steps in one direction. */
  strays(top, shift) {
    return (top < EDGE / 2 && shift > 0) || (top > this.furthest - EDGE / 2 && shift < this.excess);
  }

  /** Whether the box's place is no more where the scrollbar would lead to these rows. */
  drifts(top, shift) {
    return Math.abs(this.topAt(top + shift) - top) > SLACK;
  }
}
