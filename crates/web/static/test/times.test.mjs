// Ages and clocks, as the server says them. Run by `node --test`.

import assert from 'node:assert/strict';
import test from 'node:test';

globalThis.document = { documentElement: { dataset: {} }, querySelectorAll: () => [] };
const { age, clock } = await import('../times.js');

test('an age is one short word', () => {
  assert.deepEqual([0, 59, 60, 3_599, 3_600, 86_400 * 16].map(age), ['now', 'now', '1 min', '59 min', '1 h', '16 d']);
});

test('a clock counts on past the hour', () => {
  assert.deepEqual([7, 64, 3_723].map(clock), ['0:07', '1:04', '1:02:03']);
});
