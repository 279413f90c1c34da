// The monitor's page, live: news that the server tells over its WebSocket is put into the page, only where it differs.

import { Cards } from './cards.js';
import { Socket } from './socket.js';
import { tick } from './times.js';

/** After so many failures in a row it may be that one may not look any more, which a socket cannot tell. */
const DOUBT = 3;

const main = document.querySelector('main[data-page="monitor"]');
if (main) start(main);

function start(main) {
  const part = (name) => main.querySelector(`[data-part="${name}"]`);
  const cards = new Cards(main.dataset.projects.split(' '));
  const [running, ended] = [part('running'), part('ended')];
  const news = {
    status: (builds) => cards.show(running, 'running', Object.values(builds)),
    history: (builds) => {
      cards.show(ended, 'done', builds);
      cards.drop(running, over);
    },
    update: (build) => {
      cards.put(running, 'running', build);
      say(part('news'), build);
    },
  };
  const socket = new Socket(() => '/buildio', {
    message: ({ event, payload }) => {
      if (event === 'over') return void leave(socket);
      wire(part('wire'), 'live', 'Live');
      if (!news[event]) return;
      news[event](payload);
      count(part, running, ended);
      tick();
    },
    lost: (failures) => {
      wire(part('wire'), 'lost', failures > 5 ? 'No connection; still trying' : 'Connecting again …');
      if (failures >= DOUBT) look(socket);
    },
  });
}

function over({ status }) {
  return status === 'success' || status === 'error';
}

/** The session has ended: the server says where to go on. */
function leave(socket) {
  socket.stop();
  location.reload();
}

async function look(socket) {
  const answer = await fetch('/build/status', { method: 'HEAD', credentials: 'same-origin' }).catch(() => null);
  if (answer && [401, 404].includes(answer.status)) leave(socket);
}

function wire(node, kind, text) {
  node.hidden = false;
  node.className = `wire right ${kind}`;
  if (node.textContent !== text) node.textContent = text;
}

function count(part, running, ended) {
  const number = running.childElementCount;
  const text = number ? String(number) : '';
  if (part('count').textContent !== text) part('count').textContent = text;
  part('none').hidden = number > 0;
  part('never').hidden = ended.childElementCount > 0;
  document.title = `${number ? `(${number}) ` : ''}Monitor · Kozmic`;
}

/** Beginnings and ends are said aloud, lines are not. */
const said = new Map();

function say(node, build) {
  const word = over(build) ? build.status : 'runs';
  if (said.get(build.id) === word) return;
  said.set(build.id, word);
  node.textContent = `${build.name}: ${word}`;
  if (over(build)) said.delete(build.id);
}
