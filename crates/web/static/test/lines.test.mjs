// The log's text in memory, and the bytes that a feed takes. Run by `node --test`.

import assert from 'node:assert/strict';
import test from 'node:test';
import { PLAIN, parse } from '../ansi.js';
import { judge } from '../feed.js';
import { BLOCK, LONGEST, Lines } from '../lines.js';

function shown(lines, index) {
  let style = PLAIN;
  return lines.block(index).map((text) => {
    const line = parse(text, style);
    style = line.style;
    return line.runs;
  });
}

const plainText = (runs) => runs.map((run) => run.text).join('');

test('lines are the same however the text is cut', () => {
  const text = '\x1b[31mred\nstill red\x1b[0m\r\n\nlast';
  for (let size = 1; size <= text.length; size += 1) {
    const lines = new Lines();
    for (let at = 0; at < text.length; at += size) lines.append(text.slice(at, at + size));
    assert.equal(lines.count, 4);
    const runs = shown(lines, 0);
    assert.deepEqual(runs.map(plainText), ['red', 'still red', '', 'last']);
    assert.equal(runs[1][0].style.fg, 1);
    assert.equal(runs[3][0].style.fg, null);
  }
});

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
