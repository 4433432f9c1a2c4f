// `siren-rope bench rank`: what it measures gives the logits of `score`, every row and run of it; and its refusals.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { golden, readTensors, run, withFolder, writeTensors } from './program.mjs';

const bench = (folder, io, ...more) => run(['bench', 'rank', '--model', golden(folder, 'model'), '--io', io, '--runs', '3', '--warm-up', '1', ...more]);

// FNV-1a of the bytes of float32 numbers
function checksum(data) {
  let hash = 0x811c9dc5;
  for (const byte of new Uint8Array(Float32Array.from(data).buffer)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, '0');
}

for (const folder of ['siren-small', 'siren-5feature', 'siren-semantic', 'ordinal-small']) { // with `order`, without, with signals
  test(`every row gives the logits of score: ${folder}`, () => withFolder((scratch) => {
    const [out, scored] = [join(scratch, 'out'), join(scratch, 'scored')];
    const { status, stdout, stderr } = bench(folder, golden(folder, 'io'), '--isa', 'scalar', '--out', out, '--json');
    assert.equal(status, 0, stderr);
    const told = JSON.parse(stdout);
    assert.equal(run(['score', '--model', golden(folder, 'model'), '--io', golden(folder, 'io'), '--out', scored, '--isa', 'scalar']).status, 0);
    const expected = readTensors(scored)['rank.logits'];
    assert.deepEqual(readTensors(out)['rank.logits'], expected);
    assert.equal(told.checksum, checksum(expected.data));
    assert.equal(told.isa, 'scalar');
    assert.deepEqual(Object.keys(told.ms), ['load', 'request', 'warm', 'append']);
    for (const ms of Object.values(told.ms)) assert.ok(ms.length === 3 && ms.every((x) => x > 0), String(ms));
    assert.ok(told.peak_bytes > 1e6);
  }));
}

test('one row alone, and a table', () => {
  const io = golden('siren-small', 'io');
  assert.deepEqual(Object.keys(JSON.parse(bench('siren-small', io, '--row', 'warm', '--json').stdout).ms), ['warm']);
  const { status, stdout } = bench('siren-small', io);
  assert.equal(status, 0);
  for (const row of ['load', 'request', 'warm', 'append']) assert.match(stdout, new RegExp(`^${row} +\\d+\\.\\d{3} +\\d+\\.\\d{3}$`, 'm'));
});

test('refusals: no such row or measurement, nothing to append or to rank', () => withFolder((scratch) => {
  const io = golden('siren-small', 'io');
  const empty = join(scratch, 'empty');
  const tensors = readTensors(io);
  const none = ({ dtype, shape: [, ...rest] }) => ({ dtype, shape: [0, ...rest], data: [] });
  const without = (prefix) => Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, name.startsWith(prefix) ? none(tensor) : tensor]));
  for (const prefix of ['history.', 'candidate.']) {
    writeFileSync(empty, writeTensors(without(prefix)));
    const { status, stdout, stderr } = bench('siren-small', empty);
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /expected an event and a candidate at the least, found .* \[argument at /);
  }
  const unknown = bench('siren-small', io, '--row', 'wram');
  assert.equal(unknown.status, 1);
  assert.match(unknown.stderr, /expected load, request, warm or append, found "wram" \[argument at --row\]/);
  for (const [args, pattern] of [[[], /expected rank or train \[argument/], [['epochs'], /expected rank or train, found "epochs" \[argument at epochs\]/]]) {
    const { status, stderr } = run(['bench', ...args]);
    assert.equal(status, 2);
    assert.match(stderr, pattern);
  }
}));
