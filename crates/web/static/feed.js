// A job's log as it comes in: it asks for the bytes that it does not have yet, so that each is seen once, over any
// number of connections.

import { Socket } from './socket.js';

/** Decision about a frame when `have` bytes are here: take it, skip what came before, or connect again. */
export function judge(have, frame) {
  if (frame.offset === have) return 'take';
  return frame.next <= have ? 'skip' : 'gap';
}

/** Follows one job's log. */
export class Feed {
  #have = 0;
  #attempt = 0;

  /** `on` has `text(string)`, `reset()`, `status(frame)`, `done(frame)`, `connected()` and `lost(failures)`. */
  constructor(path, on) {
    this.on = on;
    this.socket = new Socket(() => `${path}?offset=${this.#have}&attempt=${this.#attempt}`, {
      open: () => on.connected(),
      message: (frame) => this.#heard(frame),
      lost: (failures) => this.#lost(failures),
    });
  }

  #heard(frame) {
    if (frame.type === 'hello') this.#meet(frame.attempt);
    else if (frame.type === 'log') this.#log(frame);
    else if (frame.type === 'status') this.#status(frame);
  }

  /** Another attempt of the job began. It has a log of its own, which begins empty. */
  #meet(attempt) {
    if (attempt === this.#attempt) return;
    this.#attempt = attempt;
    if (this.#have === 0) return;
    this.#have = 0;
    this.on.reset();
  }

  #log(frame) {
    const verdict = judge(this.#have, frame);
    if (verdict === 'gap') this.socket.again();
    if (verdict !== 'take') return;
    this.#have = frame.next;
    this.on.text(frame.data);
  }

  #status(frame) {
    if (frame.finished) this.socket.stop();
    if (frame.finished) this.on.done(frame);
    else this.on.status(frame);
  }

  #lost(failures) {
    this.on.lost(failures);
  }
}
