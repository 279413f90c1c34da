// Ages and running clocks go on while the page is open. Without this they say what was true when the page was made.

/** Lead of this machine's clock over the server's, in milliseconds. */
const ahead = Date.now() - Number(document.documentElement.dataset.now || Date.now());

const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });

/** The age in one short word, as the server says it. */
export function age(seconds) {
  if (seconds < 60) return 'now';
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3_600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

/** A length as on a watch. */
export function clock(seconds) {
  const two = (number) => String(number).padStart(2, '0');
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Brings every time on the page up to date. */
export function tick() {
  const now = Date.now() - ahead;
  for (const time of document.querySelectorAll('time[data-at]')) {
    const seconds = Math.max(0, Math.floor((now - Number(time.dataset.at)) / 1_000));
    const text = time.dataset.as === 'clock' ? clock(seconds) : said(age(seconds), time.dataset.as);
    if (time.textContent !== text) time.textContent = text;
    if (time.dateTime) time.title = FULL.format(new Date(time.dateTime));
  }
}

function said(word, as) {
  if (as !== 'ago') return word;
  return word === 'now' ? 'just now' : `${word} ago`;
}

/** Goes on ticking, each second while something runs. */
export function keepTime() {
  if (typeof document === 'undefined') return;
  tick();
  setInterval(tick, 1_000);
}
