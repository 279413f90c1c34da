// The text of a terminal's line in the end, however it was written. Run by `node --test`.

import assert from 'node:assert/strict';
import test from 'node:test';
import { PLAIN, parse } from '../ansi.js';
import { BLOCK, Lines } from '../lines.js';

/** The lines that a person sees, and the runs of red in them as `[line, first column, column behind the last]`. */
function seen(chunks) {
  const lines = new Lines();
  for (const chunk of chunks) lines.append(chunk);
  const rows = [];
  let style = PLAIN;
  for (let block = 0; block * BLOCK < lines.count; block += 1) {
    for (const text of lines.block(block)) {
      const line = parse(text, style);
      style = line.style;
      rows.push(line.runs);
    }
  }
  return { text: rows.map((runs) => runs.map((run) => run.text).join('')), red: rows.flatMap(reds) };
}

function reds(runs, line) {
  let column = 0;
  return runs.flatMap(({ text, style }) => {
    column += text.length;
    return style.fg === 1 ? [[line, column - text.length, column]] : [];
  });
}

const TOLD = [
  ['erase the line, then far to the left', 'text\x1b[2K\x1b[1000DDone', 'Done'],
  ['a spinner that steps back', '|\x1b[1D/\x1b[1D-\x1b[1Ddone', 'done'],
  ['a spinner of a wide sign', '⏳\x1b[2D✅\x1b[2Ddone', 'done'],
  ['columns by moving right', 'name\x1b[20Cvalue', `name${' '.repeat(20)}value`],
  ['columns by their numbers', 'name\x1b[10Gvalue\x1b[20`!', 'name     value     !'],
  ['progress of a package manager', '[1/4] a\x1b[2K\x1b[1G[2/4] b\n', '[2/4] b'],
  ['progress of another one', 'fetch\x1b[1G\x1b[0Jdone', 'done'],
  ['backspaces', 'abc\b\bX\n', 'aXc'],
  ['backspaces beyond the beginning', 'a\b\b\b\bX', 'X'],
  ['carriage returns', '10%\r20%\r100%\n', '100%'],
  ['a shorter text over a longer one', 'long line\rshort\n', 'shortline'],
  ['erase to the end', 'hello\x1b[3D\x1b[K!\n', 'he!'],
  ['erase to the beginning', 'hello\x1b[2D\x1b[1K', '    o'],
  ['erase some', 'hello\x1b[4D\x1b[2X', 'h  lo'],
  ['take some out', 'hello\x1b[4D\x1b[2P', 'hlo'],
  ['put some between', 'ho\x1b[1D\x1b[3@ell', 'hello'],
  ['a place kept, and taken up again', 'a\x1b7bc\x1b8X\x1b[sYZ\x1b[uW', 'aXWZ'],
  ['a tab goes to the next eighth column', 'a\tb\n', 'a       b'],
  ['a tab over a text leaves it', 'abcdefghij\r\tX', 'abcdefghXj'],
  ['half of a wide sign is written over', '世界\rX', 'X 界'],
  ['marks that stand on another sign', 'e\u0301a\bX', 'e\u0301X'],
  ['signs that are joined are one', '👩\u200d🔧!\rab', 'ab!'],
  ['a link (OSC 8)', '\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\ after\n', 'link after'],
  ['a title that is never ended moves nothing', 'ab\rc\x1b]0;D', 'cb'],
  ['a title leaves no trace', '\x1b]0;title\x07x\n', 'x'],
  ['modes leave no trace', 'x\x1b[?25l y\x1b[?25h\n', 'x y'],
  ['rows above are out of reach', 'x\x1b[1A\x1b[2Ky', ' y'],
];

for (const [name, bytes, text] of TOLD) {
  test(name, () => {
    assert.deepEqual(seen([bytes]).text, [text]);
    assert.deepEqual(seen([...bytes]).text, [text]);
  });
}

test('colours do not move, carry over lines, and may be cut', () => {
  assert.deepEqual(seen(['\x1b[31mred\x1b[0m plain\n']), { text: ['red plain'], red: [[0, 0, 3]] });
  assert.deepEqual(seen(['\x1b[31mone\ntwo\x1b[0m\n']), { text: ['one', 'two'], red: [[0, 0, 3], [1, 0, 3]] });
  assert.deepEqual(seen(['\x1b[3', '1mred\n']), { text: ['red'], red: [[0, 0, 3]] });
  assert.deepEqual(seen(['plain\r\x1b[31mred\x1b[0m\t!']), { text: ['redin   !'], red: [[0, 0, 3]] });
});

test('no sequence makes a line of any size', () => {
  const far = seen([`${'\x1b[999999999C'.repeat(500)}x`]).text[0];
  assert.equal(far.length, 1_001);
  const wide = seen([`x\r${'\x1b[999999@'.repeat(1_000)}`]).text[0];
  assert.ok(wide.length <= 10_000);
});
