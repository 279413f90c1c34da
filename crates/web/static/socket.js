// A WebSocket that comes back: after a drop it connects again, a little later each time, at once when the network or
// the tab returns.

const FIRST_WAIT = 400;
const LONGEST_WAIT = 8_000;

/** The server tells of itself at least every 30 s; after this long without a word, the connection counts as dead. */
const SILENCE = 75_000;

/** Keeps one WebSocket open until it is told to stop. */
export class Socket {
  /** `address` gives the path at each connection; `on` has `open`, `message` (parsed JSON) and `lost`. */
  constructor(address, on) {
    this.address = address;
    this.on = on;
    this.failures = 0;
    this.stopped = false;
    addEventListener('online', () => this.#hurry());
    addEventListener('pageshow', () => this.#hurry());
    document.addEventListener('visibilitychange', () => document.hidden || this.#hurry());
    this.#connect();
  }

  /** Closes for good. */
  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    clearTimeout(this.silence);
    this.socket?.close();
  }

  /** Closes and connects again. */
  again() {
    this.socket?.close();
  }

  #connect() {
    const url = new URL(this.address(), location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = new WebSocket(url);
    this.socket = socket;
    this.timer = null;
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => socket === this.socket && this.#heard(data);
    socket.onclose = () => socket === this.socket && this.#closed();
  }

  #opened() {
    this.#listen();
    this.on.open?.();
  }

  #heard(data) {
    this.failures = 0;
    this.#listen();
    this.on.message(JSON.parse(data));
  }

  #listen() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.again(), SILENCE);
  }

  #closed() {
    clearTimeout(this.silence);
    this.socket = null;
    if (this.stopped) return;
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.failures);
    this.failures += 1;
    this.timer = setTimeout(() => this.#connect(), wait * (0.75 + Math.random() / 2));
    this.on.lost?.(this.failures);
  }

  #hurry() {
    if (!this.timer || this.stopped) return;
    clearTimeout(this.timer);
    this.#connect();
  }
}
