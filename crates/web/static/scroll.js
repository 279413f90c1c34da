// The place of a view in a log, and whether it keeps to the log's end. Only a person's doing counts as a movement:
// going up by the smallest step stops following, reaching the end begins it again while the log grows.

import { Range, TALLEST } from './range.js';

/** Keys that move up by a step, and those that go by steps at all. */
const UP = ['ArrowUp', 'PageUp'];
const STEPS = ['ArrowUp', 'ArrowDown', 'PageUp', 'PageDown', ' '];

/** Less than this is rounding, in pixels. */
const ROUNDING = 0.3;

/** After so long without a step a movement is over, in milliseconds. Browsers do not agree on when they say so. */
const PAUSE = 200;

/** The scroll position of a view over a box of rows. */
export class Scroll {
  #range = new Range(0, 0);
  #height = 0;
  #top = 0;
  #moving = false;
  #stepping = false;
  #touch = 0;
  /** Whether a person has moved the view: a browser that puts back the place of a page may lead to the end, too. */
  #led = false;
  /** The place that a key has just led to. A movement of the browser's own goes on after its place was set. */
  #goal = null;

  /** `on` has `moved()` when a person begins to scroll, and not when a browser puts back the place of a page that is loaded anew; `drawn()` when the rows have to be drawn again, `followed(on)`. */
  constructor(view, box, on) {
    this.view = view;
    this.box = box;
    this.on = on;
    this.following = false;
    this.growing = true;
    /** Whether the mouse holds the scrollbar or marks text. Nothing may move then: Chromium lets go of a bar whose range changes. */
    this.held = false;
    /** Shift of the rows, upwards in their box, in pixels. */
    this.shift = 0;
    const listen = (name, act) => view.addEventListener(name, act, { passive: true });
    listen('scroll', () => this.#scrolled());
    listen('wheel', (event) => this.#wheeled(event));
    view.addEventListener('keydown', (event) => this.#pressed(event));
    listen('touchstart', ({ touches }) => { this.#touch = touches[0].clientY; });
    listen('touchmove', ({ touches }) => this.#dragged(touches[0].clientY));
    listen('pointerdown', (event) => this.#grasped(event));
    for (const name of ['pointerup', 'pointercancel', 'pointermove', 'blur']) addEventListener(name, (event) => this.#released(event));
    document.addEventListener('selectionchange', () => this.#marked());
  }

  /** The place in the rows at the view's upper edge, in pixels. */
  get place() {
    return this.#top + this.shift;
  }

  /** Keeps to the end from the next drawing on, or stops to. What does not grow is not followed. */
  follow(on) {
    const follows = on && this.growing;
    if (follows !== this.following) this.on.followed(follows);
    this.following = follows;
    if (follows) this.on.drawn();
  }

  /** The rows grow no more. */
  finish() {
    this.growing = false;
    this.follow(false);
  }

  /** Goes to a place in the rows; beyond their end is the end. */
  go(place) {
    const { end, excess } = this.#range;
    const wanted = Math.min(Math.max(0, place), end);
    const top = this.#range.topAt(wanted);
    if (Math.abs(top - this.view.scrollTop) >= 1) this.view.scrollTop = top;
    this.#top = this.view.scrollTop;
    this.shift = Math.min(Math.max(0, wanted - this.#top), excess);
  }

  /** Fits the box to rows of this height in all, before they are drawn. A view at the end of all stays there, whatever its size becomes. */
  fit(height) {
    if (this.held) return;
    const ended = !this.growing && this.#range.end > 0 && this.place > this.#range.end - 1;
    this.box.style.height = `${Math.min(height, TALLEST)}px`;
    this.#height = this.view.clientHeight;
    this.#range = new Range(this.view.scrollHeight - this.#height, Math.max(0, height - TALLEST));
    if (this.following || ended) this.go(Infinity);
    else if (this.#isLost()) this.go(this.place);
  }

  /** Whether the box has to be moved under its rows. That can end a movement of the browser's own, so it happens seldom, and while one goes on only if the box is about to end. */
  #isLost() {
    if (this.#range.strays(this.#top, this.shift)) return true;
    return !this.#moving && (this.place > this.#range.end || this.#range.drifts(this.#top, this.shift));
  }

  #scrolled() {
    const by = this.view.scrollTop - this.#top;
    if (Math.abs(by) < ROUNDING) return;
    if (this.#goal !== null) {
      this.go(this.#goal);
      this.#settle();
      return;
    }
    this.#top += by;
    if (this.view.clientHeight === this.#height) this.#moved(by);
    this.on.drawn();
  }

  /** Waits anew for the view to rest. */
  #settle() {
    this.#moving = true;
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.#rested(), PAUSE);
  }

  #moved(by) {
    if (this.held) this.#isLed();
    this.#settle();
    if (this.#leapt(by)) this.shift = this.#range.shiftAt(this.#top);
    // A view that springs back from beyond its end has not left it.
    const isAtEnd = this.place > this.#range.end - 1;
    if ((by > 0) === isAtEnd && (this.#led || !isAtEnd)) this.follow(isAtEnd);
  }

  /** A dragged scrollbar means a place in the whole log, all else a distance from here. */
  #leapt(by) {
    return this.#range.excess > 0 && !this.#stepping && Math.abs(by) > 2 * this.#height;
  }

  #rested() {
    this.#goal = null;
    this.#moving = false;
    this.#stepping = false;
    if (this.#range.excess) this.on.drawn();
  }

  #wheeled({ deltaY, ctrlKey, shiftKey }) {
    if (ctrlKey || shiftKey) return;
    this.#stepping = true;
    this.#isLed();
    if (deltaY < 0) this.#goesUp();
  }

  #pressed(event) {
    const { key, shiftKey, altKey } = event;
    if (altKey) return;
    this.#stepping = STEPS.includes(key);
    if (this.#stepping) this.#isLed();
    if (UP.includes(key) || (key === ' ' && shiftKey)) this.#goesUp();
    if ((key === 'Home' || key === 'End') && !shiftKey) {
      event.preventDefault();
      this.#leap(key);
    }
  }

  /** At once: while rows are added, Chromium forgets a movement of its own to the other end, and none reaches an end that moves on. */
  #leap(key) {
    if (key === 'End') this.follow(true);
    else this.#goesUp();
    this.#isLed();
    this.#goal = key === 'End' ? Infinity : 0;
    this.go(this.#goal);
    this.#settle();
    this.on.drawn();
  }

  /** A click alone leads nowhere, but the middle button lets the mouse scroll by itself. */
  #grasped({ pointerType, button }) {
    this.#stepping = false;
    this.#goal = null;
    if (button === 1) this.#isLed();
    this.held = pointerType === 'mouse' && button === 0;
  }

  /** Browsers do not always tell when a button is let go, but a mouse that moves without one was. */
  #released({ type, buttons }) {
    if (!this.held || (type === 'pointermove' && buttons & 1)) return;
    this.held = false;
    this.on.drawn();
  }

  /** Marked text would be taken from the page, if its lines went out of sight. */
  #marked() {
    if (this.held && !getSelection().isCollapsed) this.follow(false);
  }

  #dragged(y) {
    this.#stepping = true;
    this.#isLed();
    if (y > this.#touch) this.#goesUp();
    this.#touch = y;
  }

  /** A person moves the view. */
  #isLed() {
    this.#led = true;
    this.#goal = null;
    this.on.moved();
  }

  /** Before the browser shows it: each drawing that follows would take the movement back. */
  #goesUp() {
    if (this.view.scrollTop > 0) this.follow(false);
  }
}
