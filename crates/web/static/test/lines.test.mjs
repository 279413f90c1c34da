// The log's text in memory, and the bytes that a feed takes. Run by `node --test`.

import assert from 'node:assert/strict';
import test from 'node:test';
import { parse } from '../ansi.js';
import { judge } from '../feed.js';
import { BLOCK, LONGEST, Lines } from '../lines.js';
import { HEIGHT } from '../terminal.js';

const shown = (lines, index) => lines.block(index).map((line) => parse(line).runs);

const plainText = (runs) => runs.map((run) => run.text).join('');

test('a colour carries over into later blocks', () => {
  const lines = new Lines();
  lines.append('\x1b[1;38;5;141m' + 'x\n'.repeat(BLOCK * 3 + 2));
  assert.equal(lines.count, BLOCK * 3 + 2);
  for (const index of [0, 1, 2, 3]) assert.equal(shown(lines, index)[0][0].style.fg, 141);
});

test('an unfinished line counts, an empty end does not', () => {
  const lines = new Lines();
  assert.equal(lines.count, 0);
  lines.append('a\n');
  assert.equal(lines.count, 1);
  lines.append('b');
  assert.equal(lines.count, 2);
});

test('a line is finished when so many stand below it that nothing reaches it any more', () => {
  const lines = new Lines();
  lines.append('line\n'.repeat(HEIGHT + 9));
  assert.equal(lines.finished, 9);
  lines.append('\x1b[999A\rLI');
  const texts = [0, 1].flatMap((block) => shown(lines, block)).map(plainText);
  assert.deepEqual(texts.map((text, at) => [text, at]).filter(([text]) => text !== 'line'), [['LIne', 10]]);
});

test('lines that a program takes back are gone', () => {
  const lines = new Lines();
  lines.append('a\nb\nc\n');
  assert.equal(lines.count, 3);
  lines.append('\x1b[2A\x1b[J');
  assert.equal(lines.count, 2);
  lines.append('d\n');
  assert.deepEqual(shown(lines, 0).map(plainText), ['a', 'd']);
});

test('a line that is too long is cut, and says by how much', () => {
  const lines = new Lines();
  for (let part = 0; part < 100; part += 1) lines.append('x'.repeat(1_000));
  lines.append('\nnext\n');
  assert.equal(plainText(shown(lines, 0)[0]).length, LONGEST);
  assert.equal(lines.missing(0), 100_000 - LONGEST);
  assert.equal(lines.missing(1), 0);
});

test('of an endless progress bar the last state is kept', () => {
  const lines = new Lines();
  for (let percent = 0; percent < 20_000; percent += 1) lines.append(`\r\x1b[32m${percent} of 20000`);
  assert.equal(plainText(shown(lines, 0)[0]), '19999 of 20000');
  assert.equal(lines.missing(0), 0);
});

test('a million lines are taken in a moment', () => {
  const lines = new Lines();
  const chunk = `${'x'.repeat(99)}\n`.repeat(2_500);
  const start = performance.now();
  for (let part = 0; part < 400; part += 1) lines.append(chunk);
  assert.equal(lines.count, 1_000_000);
  assert.ok(performance.now() - start < 10_000);
});

test('a feed takes each byte once and notices a gap', () => {
  assert.equal(judge(10, { offset: 10, next: 20 }), 'take');
  assert.equal(judge(20, { offset: 10, next: 20 }), 'skip');
  assert.equal(judge(15, { offset: 10, next: 20 }), 'gap');
  assert.equal(judge(10, { offset: 12, next: 20 }), 'gap');
});
