// Control sequences in the log. Run by `node --test`.

import assert from 'node:assert/strict';
import test from 'node:test';
import { PLAIN, encoded, parse, styleAfter } from '../ansi.js';
import { look, rgb } from '../colour.js';

const texts = (line) => parse(line, PLAIN).runs.map((run) => run.text);
const first = (line) => parse(line, PLAIN).runs[0].style;

test('text without sequences is one run in the style that held before', () => {
  const red = first('\x1b[31mx');
  assert.deepEqual(parse('hello', red), { runs: [{ text: 'hello', style: red }], style: red });
});

test('the sixteen colours, the 256, exact colours and weights are told apart', () => {
  assert.equal(first('\x1b[31mx').fg, 1);
  assert.equal(first('\x1b[97mx').fg, 15);
  assert.equal(first('\x1b[42mx').bg, 2);
  assert.equal(first('\x1b[103mx').bg, 11);
  assert.equal(first('\x1b[1;38;5;141mx').fg, 141);
  assert.deepEqual(first('\x1b[38;2;1;2;3mx').fg, [1, 2, 3]);
  assert.deepEqual(first('\x1b[38:2::9:8:7mx').fg, [9, 8, 7]);
  assert.deepEqual(first('\x1b[48;5;7;4mx'), { ...PLAIN, bg: 7, under: true });
  const all = first('\x1b[1;2;3;4;7;9mx');
  assert.ok(all.bold && all.dim && all.italic && all.under && all.inverse && all.strike);
});

test('a reset ends every style, in each way to write it', () => {
  for (const reset of ['\x1b[0m', '\x1b[m', '\x1b[;m']) assert.deepEqual(parse(`\x1b[1;31mx${reset}`, PLAIN).style, PLAIN);
});

test('colours that cannot be are left out', () => {
  assert.equal(first('\x1b[38;5;999mx').fg, null);
  assert.equal(first('\x1b[38mx').fg, null);
  assert.equal(first('\x1b[38;2;1mx').fg, null);
});

test('all other sequences leave no trace', () => {
  assert.deepEqual(texts('a\x1b[2Jb\x1b[?25lc\x1b]0;title\x07d\x1b]8;;http://x\x1b\\e\x1b(Bf\x07g\x1b[1;5Hh').join(''), 'abcdefgh');
});

test('a sequence that is cut at the end of what is here shows nothing', () => {
  for (const cut of ['\x1b', '\x1b[', '\x1b[3', '\x1b[38;5', '\x1b]0;tit']) assert.deepEqual(texts(`ok${cut}`), ['ok']);
});

test('a carriage return writes over the line, and one at the end does nothing', () => {
  assert.deepEqual(texts('10 %\r20 %'), ['20 %']);
  assert.deepEqual(texts('abcdef\rXY'), ['XYcdef']);
  assert.deepEqual(texts('abcdef\r\x1b[KXY'), ['XY']);
  assert.deepEqual(texts('abc\x1b[2K\x1b[1GX'), ['X']);
  assert.deepEqual(texts('windows\r'), ['windows']);
  assert.deepEqual(texts('ab\bc'), ['ac']);
});

test('a style survives being written down', () => {
  const style = parse('\x1b[1;3;38;5;141;48;2;1;2;3mx', PLAIN).style;
  assert.deepEqual(styleAfter(encoded(style), PLAIN), style);
});

test('markup stays text', () => {
  assert.deepEqual(texts('<img src=x onerror=alert(1)>'), ['<img src=x onerror=alert(1)>']);
});

test('a style becomes classes, and exact colours are made readable', () => {
  assert.deepEqual(look(first('\x1b[1;31;44mx')), { classes: 'bo f1 g4', ink: '', ground: '' });
  assert.equal(look(first('\x1b[7mx')).classes, 'iv');
  assert.notEqual(look(first('\x1b[38;2;0;0;60mx')).ink, 'rgb(0 0 60)');
  assert.equal(look(first('\x1b[38;2;250;250;100mx')).ink, 'rgb(250 250 100)');
  assert.deepEqual(rgb(16), [0, 0, 0]);
  assert.deepEqual(rgb(231), [255, 255, 255]);
  assert.deepEqual(rgb(244), [128, 128, 128]);
});
