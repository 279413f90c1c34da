// The scroll range of logs that are longer than what browsers can scroll over. Run by `node --test`.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Range, TALLEST } from '../range.js';

const VIEW = 600;
const ranges = [200_000, 1_000_000, 10_000_000, 100_000_000].map((lines) => new Range(TALLEST - VIEW, lines * 20 - TALLEST));

test('a log that fits is not shifted', () => {
  const range = new Range(50_000, 0);
  for (const top of [0, 1, 25_000, 50_000]) {
    assert.equal(range.shiftAt(top), 0);
    assert.equal(range.topAt(top), top);
    assert.equal(range.strays(top, 0), false);
  }
});

test('both ends of the box are those of the rows', () => {
  for (const range of ranges) {
    assert.equal(range.shiftAt(0), 0);
    assert.equal(range.furthest + range.shiftAt(range.furthest), range.end);
    assert.equal(range.topAt(0), 0);
    assert.equal(range.topAt(range.end), range.furthest);
  }
});

test('each place in the rows has its own in the box, in the same order', () => {
  for (const range of ranges) {
    let before = -1;
    for (let part = 0; part <= 1_000; part += 1) {
      const place = range.end * part / 1_000;
      const top = range.topAt(place);
      assert.ok(top > before && top <= range.furthest, `${place} is at ${top}, after ${before}`);
      assert.ok(Math.abs(top + range.shiftAt(top) - place) < 0.01, `${place}`);
      before = top;
    }
  }
});

test('who goes on by small steps is noticed before the box ends', () => {
  for (const range of ranges) {
    const shift = Math.round(range.shiftAt(range.furthest / 2));
    assert.equal(range.strays(range.furthest / 2, shift), false);
    assert.equal(range.strays(1_000, shift), true);
    assert.equal(range.strays(range.furthest - 1_000, shift), true);
    assert.equal(range.strays(1_000, 0), false);
    assert.equal(range.strays(range.furthest - 1_000, range.excess), false);
  }
});

test('small steps leave the box where it is, and a long way is noticed', () => {
  for (const range of ranges) {
    const top = range.topAt(range.end / 2);
    const shift = range.end / 2 - top;
    assert.equal(range.drifts(top + 600, shift), false);
    assert.equal(range.drifts(top - 20_000, shift), false);
    assert.equal(range.drifts(top + 1_000_000, shift), true);
  }
  assert.equal(new Range(50_000, 0).drifts(25_000, 0), false);
});
