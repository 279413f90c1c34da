// Logs that are made to hold a browser up: what a script prints in a second is read and drawn in about as long. Each case is so
// long that work which grows with its square would not end before people lose patience. Run by `node --test`.

import assert from 'node:assert/strict';
import test from 'node:test';
import { parse } from '../ansi.js';
import { BLOCK, Lines } from '../lines.js';

/** The length of each log, in characters, and of the pieces in which it comes. */
const LENGTH = 500_000;
const PIECE = 256 * 1024;

/** Reads a log as a page does: after each piece the last lines are drawn. */
function read(log) {
  const lines = new Lines();
  let drawn = 0;
  for (let at = 0; at < log.length; at += PIECE) {
    lines.append(log.slice(at, at + PIECE));
    const last = Math.max(0, Math.ceil(lines.count / BLOCK) - 1);
    for (const line of lines.block(last)) drawn += parse(line).runs.length;
  }
  return { lines, drawn };
}

const LINE = 'x'.repeat(12_000);

const CASES = {
  'carriage returns': '\r', 'progress': 'x\r', 'a long line, written again and again': `${LINE}\r`, 'one sign of a long line': ['\r', LINE, '\rx'],
  'backspaces': 'x\b', 'tabs': '\t', 'blanks': ' ', 'one endless line': 'x', 'line ends': '\n', 'both ends': '\r\r\n',
  'erasing': 'x\x1b[K', 'erasing back': 'x\x1b[1K', 'erasing a long line': [LINE, '\x1b[2K'], 'inserting': 'x\r\x1b[@', 'taking': 'x\r\x1b[P',
  'inserting far out': '\x1b[999Cx\r\x1b[@', 'going up': '\n\x1b[A', 'a full screen': '\x1b[50;1Hx', 'clearing': 'x\x1b[2J', 'lines in between': 'x\x1b[L', 'lines taken out': 'x\n\x1b[A\x1b[M',
  'repeating': 'x\x1b[999b\r', 'keeping the place': 'x\x1b7\r\x1b8', 'marks': 'e\u0301', 'joiners': '🚀\u200d', 'wide signs': '字', 'wide signs overwritten': '字\b\b ',
  'a style for each sign': ['\x1b[31mx', '\x1b[32my'], 'a sequence without an end': ['\x1b[', ';'], 'a string without an end': ['\x1b]0;', 'x'], 'escapes': '\x1b', 'openings': '\x1b[',
  'parameters': `\x1b[${'1;'.repeat(500)}m`, 'colours in parts': `\x1b[38;2${':1'.repeat(500)}mx`, 'drawing lines': ['\x1b(0', 'q'], 'zeros': '\0', 'other screens': '\x1b[?1049h',
};

/** The log that a case stands for: its parts but the last one once, and the last one to the end. */
function logOf(parts) {
  const all = [parts].flat();
  const last = all.pop();
  return all.join('') + last.repeat(Math.ceil(LENGTH / last.length));
}

for (const [name, parts] of Object.entries(CASES)) {
  test(`a log of ${name} is read as fast as it comes`, () => {
    const { lines, drawn } = read(logOf(parts));
    assert.ok(lines.count >= 0 && drawn >= 0);
  });
}
