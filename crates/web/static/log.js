// The log on a job's page: feed, lines and viewer put together with the bar above them.

import { Feed } from './feed.js';
import { Lines } from './lines.js';
import { Viewer } from './viewer.js';

const log = document.querySelector('.log[data-feed]');
if (log) start(log);

function start(log) {
  const part = (name) => log.querySelector(`[data-part="${name}"]`);
  const parts = { view: part('view'), feed: part('feed'), count: part('count'), follow: part('follow'), note: part('note'), status: part('status') };
  let lines = new Lines();
  const viewer = new Viewer(parts.view, lines, (on) => pressed(parts.follow, on));
  const show = () => {
    tell(parts, () => lines.count);
    viewer.refresh();
  };
  new Feed(log.dataset.feed, {
    connected: () => state(parts, '', 'reading …'),
    text: (text) => { lines.append(text); show(); },
    reset: () => { lines = new Lines(); viewer.restart(lines); show(); },
    status: (frame) => state(parts, frame.status === 'pending' ? 'live' : '', frame.status === 'pending' ? 'live' : 'waiting'),
    done: (frame) => { viewer.finish(); ended(parts, frame, lines.count); },
    lost: (failures) => state(parts, 'lost', failures > 5 ? 'no connection; still trying' : 'connecting again …'),
  });
  parts.follow.hidden = false;
  parts.note.hidden = false;
  parts.follow.addEventListener('click', () => over(parts.follow) ? viewer.toEnd() : viewer.follow(!viewer.following));
  links(viewer, log.dataset.follow !== 'no');
}

/** Line numbers are links; the line in the address is marked, and following leaves it alone. */
function links(viewer, follow) {
  const wanted = () => Number(/^#L([1-9]\d{0,8})$/.exec(location.hash)?.[1] ?? 0);
  if (wanted()) viewer.seek(wanted());
  else viewer.follow(follow);
  addEventListener('hashchange', () => viewer.seek(wanted()));
  viewer.view.addEventListener('click', (event) => {
    const link = event.target.closest('.l > a');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const same = link.getAttribute('href') === location.hash;
    history.replaceState(null, '', same ? location.pathname + location.search : link.getAttribute('href'));
    viewer.seek(wanted(), false);
  });
}

function state(parts, kind, text) {
  parts.feed.className = `right feed ${kind}`;
  if (parts.feed.textContent !== text) parts.feed.textContent = text;
}

let told = 0;

/** The number of lines, told at most once per drawing. */
function tell(parts, counted) {
  told ||= requestAnimationFrame(() => {
    told = 0;
    const count = counted();
    parts.note.hidden = count > 0;
    parts.count.textContent = count === 0 ? '' : `${count.toLocaleString()} ${count === 1 ? 'line' : 'lines'}`;
  });
}

/** While lines come, the button says whether their end is followed; afterwards it just leads there. */
function pressed(button, on) {
  if (!over(button)) button.setAttribute('aria-pressed', String(on));
}

function over(button) {
  return !button.hasAttribute('aria-pressed');
}

function ended(parts, frame, count) {
  parts.follow.removeAttribute('aria-pressed');
  parts.follow.textContent = 'To the end';
  parts.follow.hidden = count === 0;
  state(parts, '', 'ended');
  parts.note.textContent = frame.note ?? 'This job wrote no output.';
  parts.note.hidden = count > 0;
  parts.status.textContent = `The job ended: ${frame.label ?? frame.status}.`;
}
