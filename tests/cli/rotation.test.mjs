// `siren-rope spectrum`, `moments` and `bench train`: periods against a plain Fourier sum over what `angles` prints, the shipped and a fresh
// history of a rotation against the moments it was made of, epochs against the log of the same training.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { model, readMetadata, readTensors, run, withFolder } from './program.mjs';
import { readLog, simulate, trained, writeRecipe } from './training.mjs';

const json = (args) => {
  const { status, stdout, stderr } = run(args);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
};

// Power by cycles over the span, summed over pairs, a straight line taken off each: written from the definition.
function naivePower(rows) {
  const n = rows.length, power = new Array(n / 2 + 1).fill(0);
  for (let pair = 0; pair < rows[0].angle.length; pair++) {
    const x = rows.map(({ angle }) => angle[pair]);
    const mean = x.reduce((a, b) => a + b, 0) / n, middle = (n - 1) / 2;
    const slope = x.reduce((sum, value, i) => sum + (i - middle) * value, 0) / x.reduce((sum, _, i) => sum + (i - middle) ** 2, 0);
    const rest = x.map((value, i) => value - mean - slope * (i - middle));
    for (let k = 1; k <= n / 2; k++) {
      let re = 0, im = 0;
      for (let i = 0; i < n; i++) {
        re += rest[i] * Math.cos((2 * Math.PI * k * i) / n);
        im += rest[i] * Math.sin((2 * Math.PI * k * i) / n);
      }
      power[k] += ((k === n / 2 ? 1 : 2) * (re * re + im * im)) / (n * n);
    }
  }
  return power;
}

test('a spectrum is the Fourier sum of the angles', () => {
  for (const network of ['layers', 'action']) {
    const told = json(['spectrum', '--model', model, '--from', '2022-04-25', '--weeks', '1', '--network', network, '--top', '168', '--json']);
    const { rows } = json(['angles', '--model', model, '--from', '2022-04-25', '--to', '2022-05-01T23:30:00Z', '--step', '30m', '--network', network, '--json']);
    assert.equal(rows.length, 336);
    const power = naivePower(rows), total = power.reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(told.variance / total - 1) < 1e-9, `${told.variance}, expected ${total}`);
    assert.equal(told.periods.length, 168);
    told.periods.forEach(({ hours, share }, i) => {
      const k = Math.round(168 / hours);
      assert.ok(Math.abs(hours - 168 / k) < 1e-9 && Math.abs(share - power[k] / total) < 1e-9, `${hours} h: ${share}, expected ${power[k] / total}`);
      assert.ok(i === 0 || share <= told.periods[i - 1].share);
    });
  }
  const { stdout } = run(['spectrum', '--model', model, '--from', '2022-04-25', '--weeks', '2']);
  assert.match(stdout.split('\n')[2], /^ +24\.00 /, 'the shipped model learned the day');
});

test('a spectrum of what is not there is refused', () => {
  for (const [args, message] of [
    [['--from', 'yesterday'], /\[time at --from\]/], [['--from', '2022-04-25', '--network', 'head'], /\[argument at --network\]/],
    [['--from', '2022-04-25', '--weeks', '0'], /a whole number from 1 to 52/], [[], /--from.*must be given|must be given.*--from/]]) {
    const { status, stdout, stderr } = run(['spectrum', '--model', model, ...args]);
    assert.notEqual(status, 0);
    assert.equal(stdout, '');
    assert.match(stderr, message);
  }
});

test('moments go into one file, as float16, with the curves', () => withFolder((folder) => {
  const data = simulate(folder, 60), recipe = writeRecipe(folder), out = join(folder, 'out'), file = join(folder, 'moments.safetensors');
  trained(data, out, recipe, '--moments', '5');
  const { status, stderr } = run(['moments', '--training', out, '--out', file]);
  assert.equal(status, 0, stderr);
  const tensors = readTensors(file), metadata = readMetadata(file);
  const log = readLog(out), history = JSON.parse(metadata.history);
  const names = new Set();
  for (let moment = 0; moment < 5; moment++) {
    const one = readTensors(join(out, `moments/00${moment}.safetensors`));
    for (const [name, { shape, data: numbers }] of Object.entries(one)) {
      const packed = tensors[`00${moment}.${name}`];
      names.add(`00${moment}.${name}`);
      assert.deepEqual([packed.dtype, packed.shape], ['F16', shape]);
      packed.data.forEach((value, i) => assert.ok(Math.abs(value - numbers[i]) <= Math.max(Math.abs(numbers[i]) * 2 ** -11, 2 ** -25), name));
    }
  }
  assert.deepEqual(new Set(Object.keys(tensors)), names);
  assert.deepEqual(history.moments.map(({ step }) => step), log.filter(({ event }) => event === 'moment').map(({ step }) => step));
  assert.equal(history.moments[0].loss, null);
  const until = history.moments[1].step, losses = log.filter(({ event, step }) => event === 'step' && step <= until).map(({ loss }) => loss);
  assert.ok(Math.abs(history.moments[1].loss - losses.reduce((a, b) => a + b, 0) / losses.length) < 1e-12);
  assert.deepEqual(history.evaluations.map(({ mean_ne }) => mean_ne), log.filter(({ event }) => event === 'evaluation').map(({ mean_ne }) => mean_ne));

  rmSync(join(out, 'moments/004.safetensors'));
  assert.match(run(['moments', '--training', out, '--out', file]).stderr, /expected 4 moments .* found 5 \[format at /);
  writeFileSync(join(out, 'moments/001.safetensors'), 'short');
  assert.match(run(['moments', '--training', out, '--out', file]).stderr, /\[format at moments\/001\.safetensors/);
  mkdirSync(join(folder, 'empty'));
  assert.match(run(['moments', '--training', join(folder, 'empty'), '--out', file]).stderr, /expected moments .* found none \[io at /);
}));

test('the shipped history begins as ordinal RoPE and has at least 20 moments', () => {
  const path = model.replace('.safetensors', '.moments.safetensors');
  const tensors = readTensors(path), metadata = readMetadata(path);
  const { moments, evaluations } = JSON.parse(metadata.history);
  assert.ok(moments.length >= 20 && evaluations.length >= 3);
  moments.forEach(({ step }, i) => assert.ok(i === 0 ? step === 0 : step > moments[i - 1].step));
  assert.equal(Object.keys(tensors).length, moments.length * 34);
  assert.deepEqual([...tensors['000.rope.freq'].data].map((x) => x.toFixed(3)), new Array(8).fill('3.141'));
  assert.equal(tensors['000.rope.order_scale'].data[0], 1);
  for (const last of ['angle_nn.net.3.weight', 'angle_nn.residual.6.weight', 'action_angle_nn.net.3.weight', 'action_angle_nn.residual.6.weight']) {
    assert.ok(tensors[`000.${last}`].data.every((x) => x === 0), last);
    assert.ok(tensors[`001.${last}`].data.some((x) => x !== 0), last);
  }
});

test('an epoch of the bench is an epoch of the training', () => withFolder((folder) => {
  const data = simulate(folder, 60), recipe = writeRecipe(folder), out = join(folder, 'out');
  trained(data, out, recipe);
  const told = json(['bench', 'train', '--data', data, '--recipe', recipe, '--epochs', '2', '--json']);
  const steps = readLog(out).filter(({ event, epoch }) => event === 'step' && epoch <= 1);
  assert.equal(told.batches, steps.length);
  assert.equal(told.seconds.length, 2);
  const mean = steps.reduce((sum, { loss }) => sum + loss, 0) / steps.length;
  assert.ok(Math.abs(told.loss[0] - mean) < 0.02, `${told.loss[0]}, the log says ${mean}`); // batches weigh by labels there
  assert.ok(told.loss[1] < told.loss[0] && told.seconds.every((s) => s > 0));
}));
