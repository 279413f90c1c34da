// The monitor's cards: one for each build, made of the page's templates and filled with what the server tells. Texts are
// set as texts; only the lines of logs come as markup, which the server made.

import { age, clock } from './times.js';

/** A size as the server says it. */
export function size(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let [whole, rest, step] = [bytes, 0, 0];
  for (; whole >= 1024 && step < units.length - 1; step += 1) [whole, rest] = [Math.floor(whole / 1024), whole % 1024];
  return step === 0 ? `${bytes} B` : `${whole}.${Math.floor((rest * 10) / 1024)} ${units[step]}`;
}

/** Whether a link may lead there. */
export function leads(url) {
  return typeof url === 'string' && /^https?:\/\//i.test(url);
}

export class Cards {
  #told = new WeakMap();

  /** `projects` are those whose builds' pages may be opened. */
  constructor(projects) {
    this.projects = new Set(projects.filter(Boolean));
  }

  /** Shows exactly these builds, in this order; what stands there already stays. */
  show(list, kind, builds) {
    const wanted = new Set(builds.map((build) => build.id));
    for (const node of [...list.children]) if (!wanted.has(node.dataset.id)) node.remove();
    builds.forEach((build, index) => {
      const node = this.put(list, kind, build);
      if (list.children[index] !== node) list.insertBefore(node, list.children[index]);
    });
  }

  /** Shows one build, at its place if it is there, else at the end. */
  put(list, kind, build) {
    const node = [...list.children].find((one) => one.dataset.id === build.id) ?? this.#add(list, kind, build);
    const before = this.#told.get(node) ?? {};
    this.#told.set(node, build);
    this.#fill(node, build, (field) => JSON.stringify(build[field]) !== JSON.stringify(before[field]));
    return node;
  }

  /** Takes away those builds that are so. */
  drop(list, isSo) {
    for (const node of [...list.children]) if (isSo(this.#told.get(node) ?? {})) node.remove();
  }

  #add(list, kind, build) {
    const node = stamp(kind);
    node.dataset.id = build.id;
    return list.appendChild(node);
  }

  #fill(node, build, changed) {
    const part = (name) => node.querySelector(`[data-part="${name}"]`);
    if (changed('status')) part('state').replaceChildren(pill(build.status));
    set(part('name'), build.name);
    set(part('title'), build.title);
    if (part('script')) set(part('script'), build.title);
    part('tag').hidden = !set(part('tag'), build.tag);
    part('image').parentNode.hidden = !set(part('image'), build.baseimage);
    part('container').parentNode.hidden = !set(part('container'), build.docker);
    part('log').href = `/report/${encodeURIComponent(build.id)}`;
    part('page').parentNode.hidden = !this.projects.has(String(build.project));
    if (!part('page').parentNode.hidden) part('page').href = build.page;
    part('error').hidden = !set(part('error').lastElementChild, build.error);
    if (changed('started') || changed('ended')) times(part, build);
    if (changed('commits')) fillList(part('commits'), build.commits.map(commit));
    if (changed('artifacts')) fillList(part('artifacts'), build.artifacts.map(artifact));
    if (changed('html')) lines(part('tail'), build.html);
  }
}

/** Sets a text, and says whether there is one. */
function set(node, text) {
  const wanted = text ?? '';
  if (node.textContent !== wanted) node.textContent = wanted;
  return wanted !== '';
}

function stamp(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

function pill(state) {
  const template = document.querySelector(`template[data-state="${CSS.escape(state)}"]`);
  return template ? template.content.cloneNode(true) : document.createTextNode(state);
}

function times(part, { started, ended }) {
  const length = ended === null ? timer(started, 'clock') : document.createTextNode(clock(Math.max(0, ended - started)));
  part('length').replaceChildren(length);
  part('age')?.replaceChildren(...(ended === null ? [] : [timer(ended, 'age')]));
}

/** A time that goes on by itself, from the server's seconds. */
function timer(seconds, manner) {
  const node = document.createElement('time');
  node.dataset.at = String(seconds * 1000);
  node.dataset.as = manner;
  if (manner === 'age') {
    node.dateTime = new Date(seconds * 1000).toISOString();
    node.textContent = age(0);
  }
  return node;
}

function fillList(list, nodes) {
  list.replaceChildren(...nodes);
  list.hidden = nodes.length === 0;
}

function commit({ id, message, url, author }) {
  const node = stamp('commit');
  const part = (name) => node.querySelector(`[data-part="${name}"]`);
  set(part('commit'), id.slice(0, 10));
  if (leads(url)) part('commit').href = url;
  set(part('message'), message);
  set(part('author'), author.name);
  return node;
}

function artifact(made) {
  const node = stamp('artifact');
  const part = (name) => node.querySelector(`[data-part="${name}"]`);
  set(part('artifact'), made.name);
  if (leads(made.url)) part('artifact').href = made.url;
  set(part('size'), size(made.size) + (made.removed ? ', removed' : ''));
  set(part('sha256'), made.sha256);
  return node;
}

/** The server's markup of lines. A parsed document runs nothing and loads nothing; it drops the first end of a line. */
function lines(pre, html) {
  const page = new DOMParser().parseFromString(`<body><pre>\n${html}</pre></body>`, 'text/html');
  pre.replaceChildren(...page.body.firstElementChild.childNodes);
  pre.parentNode.hidden = html === '';
}
