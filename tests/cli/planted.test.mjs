// models/planted-rhythm: the recipe makes the shipped files again, its card says what is so, and its rotation has the planted periods.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readMetadata, readTensors, root, run, sanitized, withFolder } from './program.mjs';
import { simulate, train } from './training.mjs';

const file = (end) => join(root, `models/planted-rhythm${end}`);
const card = readFileSync(file('.md'), 'utf8');
const shipped = file('.safetensors'), moments = file('.moments.safetensors');

const told = (args) => {
  const { status, stdout, stderr } = run([...args, '--json']);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
};

test('the card has the hashes and sizes of both files', () => {
  for (const path of [shipped, moments]) {
    const bytes = readFileSync(path);
    assert.ok(card.includes(createHash('sha256').update(bytes).digest('hex')), path);
    assert.ok(card.includes(`${bytes.length.toLocaleString('en')} bytes`), path);
  }
});

test('its angles have the planted day and week, as the card says', () => {
  for (const network of ['layers', 'action']) {
    const { periods } = told(['spectrum', '--model', shipped, '--from', '2024-01-01', '--network', network]);
    assert.deepEqual(periods.slice(0, 2).map(({ hours }) => Math.round(hours)), [24, 168]);
    const shares = periods.slice(0, 2).map(({ share }) => `${(100 * share).toFixed(1)} %`);
    assert.ok(card.includes(`| ${network} | ${shares.join(' | ')} |`), `${network}: ${shares}`);
  }
});

test('its history begins as ordinal RoPE and ends as the model', () => {
  const tensors = readTensors(moments), model = readTensors(shipped);
  const history = JSON.parse(readMetadata(moments).history);
  assert.equal(history.moments.length, 21);
  const names = Object.keys(model).filter((name) => /^(rope|angle_nn|action_angle_nn)\./.test(name));
  assert.equal(Object.keys(tensors).length, 21 * names.length);
  for (const name of names) {
    const last = tensors[`020.${name}`];
    last.data.forEach((x, i) => assert.ok(Math.abs(x - model[name].data[i]) <= Math.max(Math.abs(x) * 2 ** -10, 2 ** -24), name));
  }
  for (const last of ['net.2', 'residual.4']) {
    for (const network of ['angle_nn', 'action_angle_nn']) {
      assert.ok(tensors[`000.${network}.${last}.weight`].data.every((x) => x === 0));
      assert.ok(tensors[`001.${network}.${last}.weight`].data.some((x) => x !== 0));
    }
  }
});

test('the recipe makes both files again; eval finds the figures of the card', { skip: sanitized && 'slow' }, (t) => withFolder((folder) => {
  const data = simulate(folder, 6000), out = join(folder, 'out'), again = join(folder, 'moments.safetensors');
  const { events, tasks } = told(['eval', '--model', shipped, '--data', data, '--split', 'test']);
  assert.equal(events, 25211);
  for (const { task, base_rate, ne, auc } of tasks) {
    const [, ...figures] = new RegExp(`\\| ${task} \\| ([\\d.]+) \\| ([\\d.]+) \\| ([\\d.]+) \\|`).exec(card);
    [base_rate, ne, auc].forEach((found, i) => assert.ok(Math.abs(found - figures[i]) < 1e-4, `${task}: ${found}, the card says ${figures[i]}`));
  }
  const { status, stderr } = train(data, out, file('.json'), '--isa', 'avx2', '--moments', '21');
  if (/no kernels called "avx2"/.test(stderr)) return t.skip('this processor has no AVX2');
  assert.equal(status, 0, stderr);
  assert.ok(readFileSync(join(out, 'model.safetensors')).equals(readFileSync(shipped)), 'another model');
  assert.equal(run(['moments', '--training', out, '--out', again]).status, 0);
  assert.ok(readFileSync(again).equals(readFileSync(moments)), 'other moments');
}));
