// Artifacts in the words of the monitor's script, which are the server's. Run by `node --test`.

import assert from 'node:assert/strict';
import test from 'node:test';

globalThis.document ??= { documentElement: { dataset: {} }, querySelectorAll: () => [] };
const { leads, size } = await import('../cards.js');

test('sizes are said as the server says them', () => {
  const said = [0, 1_023, 1_024, 1_536, 12_345_678, 200 * 2 ** 20].map(size);
  assert.deepEqual(said, ['0 B', '1023 B', '1.0 KiB', '1.5 KiB', '11.7 MiB', '200.0 MiB']);
});

test('only addresses of the web become links', () => {
  for (const url of ['http://hub/x', 'https://hub/x']) assert.ok(leads(url));
  for (const url of ['javascript:alert(1)', '//hub', '/x', 'data:text/html,x', '', null, undefined, 7]) assert.ok(!leads(url), String(url));
});
