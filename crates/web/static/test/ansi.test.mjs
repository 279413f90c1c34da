// Styles, and lines that are written down in them. Run by `node --test`.

import assert from 'node:assert/strict';
import test from 'node:test';
import { PLAIN, coloured, encoded, parse, written } from '../ansi.js';
import { look, rgb } from '../colour.js';

const after = (codes) => coloured(PLAIN, codes);

test('the sixteen colours, the 256, exact colours and weights are told apart', () => {
  assert.equal(after('31').fg, 1);
  assert.equal(after('97').fg, 15);
  assert.equal(after('42').bg, 2);
  assert.equal(after('103').bg, 11);
  assert.equal(after('1;38;5;141').fg, 141);
  assert.deepEqual(after('38;2;1;2;3').fg, [1, 2, 3]);
  assert.deepEqual(after('38:2::9:8:7').fg, [9, 8, 7]);
  assert.deepEqual(after('48;5;7;4'), { ...PLAIN, bg: 7, under: true });
  const all = after('1;2;3;4;7;9');
  assert.ok(all.bold && all.dim && all.italic && all.under && all.inverse && all.strike);
});

test('a reset ends every style, in each way to write it', () => {
  for (const reset of ['0', '', ';', '22;39']) assert.equal(coloured(after('1;31'), reset), PLAIN);
});

test('colours that cannot be are left out, and no number of a colour means anything else', () => {
  for (const codes of ['38;5;999', '38', '38;2;1', '38;9;1', '38;5', '38:5', '58;5;1', '58:2::1:2:3']) assert.equal(after(codes).fg, null, codes);
  assert.equal(after('58;5;1'), PLAIN);
});

test('a line survives being written down', () => {
  const red = after('31');
  const exact = after('1;3;38;5;141;48;2;1;2;3');
  const runs = [{ text: 'a', style: red }, { text: ' '.repeat(40), style: PLAIN }, { text: 'b', style: exact }];
  const line = written([runs[0], { ...runs[1], style: null }, runs[2]]);
  assert.deepEqual(parse(line), { runs, style: PLAIN });
  assert.deepEqual(parse(line, red), { runs, style: PLAIN });
  assert.ok(line.length < 60, line);
  assert.deepEqual(parse(encoded(exact) + 'x').style, exact);
  assert.equal(written([{ text: 'plain', style: PLAIN }]), 'plain');
});

test('markup stays text', () => {
  assert.deepEqual(parse('<img src=x onerror=alert(1)>').runs.map((run) => run.text), ['<img src=x onerror=alert(1)>']);
});

test('a style becomes classes, and exact colours are made readable', () => {
  assert.deepEqual(look(after('1;31;44')), { classes: 'bo f1 g4', ink: '', ground: '' });
  assert.equal(look(after('7')).classes, 'iv');
  assert.notEqual(look(after('38;2;0;0;60')).ink, 'rgb(0 0 60)');
  assert.equal(look(after('38;2;250;250;100')).ink, 'rgb(250 250 100)');
  assert.deepEqual(rgb(16), [0, 0, 0]);
  assert.deepEqual(rgb(231), [255, 255, 255]);
  assert.deepEqual(rgb(244), [128, 128, 128]);
});
