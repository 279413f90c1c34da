// Keeps the page true: the page is fetched again when the server says that something changed, and the parts marked
// with data-live are put in place of the old ones. All that a person holds (focus, open details, scrolling) stays.

import { Socket } from './socket.js';

/** At most one look at the server in this time, in milliseconds; a tab that nobody sees has more of it. */
const PAUSE = 400;
const PAUSE_UNSEEN = 5_000;

/** A look that takes longer has failed, so that the next one gets its turn. */
const PATIENCE = 20_000;

let busy = false;
let again = false;

/** Begins to listen, if the page has parts that change. */
export function listen(changed) {
  const { news } = document.body.dataset;
  if (!news || !document.querySelector('[data-live]')) return;
  new Socket(() => news, { message: ({ type }) => type === 'tick' || refresh(changed) });
}

/** Looks again; calls meanwhile are answered by one more look. */
async function refresh(changed) {
  again = busy;
  if (busy) return;
  busy = true;
  try {
    await look(changed);
  } catch {
    // The server is away; the next message, or the connection that comes back, makes up for it.
  }
  await pause();
  busy = false;
  if (again) refresh(changed);
}

/** Ends at once when the tab is looked at. */
function pause() {
  return new Promise((done) => {
    setTimeout(done, document.hidden ? PAUSE_UNSEEN : PAUSE);
    if (document.hidden) document.addEventListener('visibilitychange', done, { once: true });
  });
}

async function look(changed) {
  const address = document.querySelector('main').dataset.self ?? location.href;
  const answer = await fetch(address, { headers: { 'X-Kozmic-Part': 'live' }, credentials: 'same-origin', signal: AbortSignal.timeout(PATIENCE) });
  if (answer.status === 404) return void (typed() || location.reload());
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  if (becameAnother(page)) return void (typed() || location.replace(answer.url));
  swap(page);
  changed();
}

/** An empty project got its first build, or the session ended: this is another page now. */
function becameAnother(page) {
  const [here, there] = [document, page].map((tree) => tree.querySelector('main')?.dataset ?? {});
  return here.page !== there.page;
}

/** Whether somebody typed something that would be lost. */
function typed() {
  return [...document.querySelectorAll('main :is(input, textarea)')].some((field) => field.value !== field.defaultValue);
}

function swap(page) {
  document.title = page.title;
  const [here, there] = [document, page].map((tree) => tree.querySelector('main'));
  if (there.dataset.status) here.dataset.status = there.dataset.status;
  const news = new Map([...page.querySelectorAll('[data-live]')].map((part) => [part.dataset.live, part]));
  for (const old of document.querySelectorAll('[data-live]')) {
    const fresh = news.get(old.dataset.live);
    if (fresh && !old.isEqualNode(fresh)) replace(old, document.adoptNode(fresh));
  }
}

function replace(old, fresh) {
  const focus = old.contains(document.activeElement) ? trace(document.activeElement) : null;
  const open = [...old.querySelectorAll('details')].map((details) => details.open);
  const [left, top] = [old.scrollLeft, old.scrollTop];
  fresh.querySelectorAll('details').forEach((details, index) => { details.open = open[index] ?? false; });
  old.replaceWith(fresh);
  [fresh.scrollLeft, fresh.scrollTop] = [left, top];
  if (focus) fresh.querySelector(focus)?.focus({ preventScroll: true });
}

/** A selector that finds the same link or button in the new part. */
function trace(node) {
  if (node.id) return `#${CSS.escape(node.id)}`;
  const href = node.getAttribute('href');
  return href ? `a[href="${CSS.escape(href)}"]` : node.localName;
}
