// The table of what a terminal shows, which the server is held to as well, and what no log may cost a browser. Run by
// `node --test`.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { PLAIN, parse } from '../ansi.js';
import { BLOCK, Lines } from '../lines.js';
import { widthOf } from '../widths.js';

const CASES = JSON.parse(readFileSync(new URL('../../../model/src/terminal/cases.json', import.meta.url), 'utf8'));

/** The pieces of a case, as bytes. */
function pieces({ bytes, chunks, chunks_hex: hex }) {
  return hex ? hex.map((part) => Buffer.from(part, 'hex')) : (chunks ?? [bytes]).map((part) => Buffer.from(part));
}

/** The lines that a person sees of pieces that come one by one, and the columns of red in them. The server makes text of bytes. */
function seen(parts) {
  const lines = new Lines();
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  for (const part of parts) lines.append(decoder.decode(part, { stream: true }));
  lines.append(decoder.decode());
  const rows = [];
  for (let block = 0; block * BLOCK < lines.count; block += 1) rows.push(...lines.block(block).map((line) => parse(line).runs));
  return { text: rows.map((runs) => runs.map((run) => run.text).join('')), red: rows.flatMap(reds) };
}

function reds(runs, line) {
  let column = 0;
  const found = [];
  for (const { text, style } of runs) {
    const from = column;
    column += [...text].reduce((sum, sign) => sum + widthOf(sign), 0);
    if (style.fg !== 1) continue;
    if (found.at(-1)?.[2] === from) found.at(-1)[2] = column;
    else found.push([line, from, column]);
  }
  return found;
}

for (const { name, text, red, ...log } of CASES) {
  test(name, () => {
    const told = pieces(log);
    const whole = Buffer.concat(told);
    const shown = seen(told);
    assert.deepEqual(shown.text, text);
    if (red) assert.deepEqual(shown.red, red);
    assert.deepEqual(seen([...whole].map((byte) => Buffer.from([byte]))), shown, 'byte by byte');
    for (let cut = 0; cut <= whole.length && whole.length < 2_000; cut += 1) {
      assert.deepEqual(seen([whole.subarray(0, cut), whole.subarray(cut)]), shown, `cut at ${cut}`);
    }
  });
}

/** What a hostile script writes, over and over. */
const HOSTILE = [
  '\r', 'x\r', '\x1b[1000000C', 'x\r\x1b[999@', '\x1b[999Cx\r\x1b[999P', '\x1b[999Cx\r\x1b[1000X', '\x1b[999Cx\x1b[1K', 'x\x1b[999b\r', '\x1b[999Cx\n',
  '\x1b[99A\x1b[99B', '\x1b[50L', 'x\n\x1b[A\x1b[50M', '\x1b[31mx\x1b[32my', '\x1b]0;', 'a\u0301', '👩\u200d', 'x', '世', '\t', '\x1b8y\x1b[1K', '\n', '\x1b', '\x9b',
  'x\x1b[J', '\x1b7\x1b8', '\x1b[1;', '\x1b[H\x1b[J', '\x1b[5;5Hx', '\b', '\x1b[;', `${'x'.repeat(9_999)}\x1b7\n\x1b8y\x1b[1K`,
];

test('no sequence costs more than its length, or makes a line of any size', () => {
  for (const told of HOSTILE) {
    const lines = new Lines();
    const piece = told.repeat(Math.ceil(100_000 / told.length));
    const start = performance.now();
    for (let part = 0; part < 5; part += 1) {
      lines.append(piece);
      lines.block(Math.max(0, Math.ceil(lines.count / BLOCK) - 1));
    }
    assert.ok(performance.now() - start < 10_000, `${JSON.stringify(told.slice(-20))}: ${performance.now() - start} ms`);
    for (const line of lines.block(0)) {
      const longest = Math.max(...parse(line, PLAIN).runs.map((run) => run.text.length), 0);
      assert.ok(longest <= 330_000, `${JSON.stringify(told.slice(-20))}: ${longest}`);
    }
  }
});
