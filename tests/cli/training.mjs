// training.mjs: what the tests of `train` and `ablate` share: small simulated data, a recipe that trains in a second, folders of
// events by hand, and the files a training leaves.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, start } from './program.mjs';

export const recipe = {
  model: { d_model: 16, num_heads: 2, n_layers: 1, ffwd_width: 16, angle_width: 8, head_widths: [16], max_history: 24, attn_scale: 0.3, skip_scale: 1, table_scale: 1 },
  training: { epochs: 3, batch: 16, learning_rate: 3e-3, dropout: 0.1, id_dropout: 0.1, shards: 4, evaluations: 2 },
};

// A recipe file: ours with changes; its path.
export function writeRecipe(folder, { model = {}, training = {} } = {}, name = 'recipe.json') {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify({ model: { ...recipe.model, ...model }, training: { ...recipe.training, ...training } }));
  return path;
}

export function simulate(folder, users = 120, ...args) {
  const data = join(folder, `data-${users}`);
  const { status, stderr } = run(['simulate', '--out', data, '--users', String(users), ...args]);
  assert.equal(status, 0, stderr);
  return data;
}

// Events by hand. Each is { user, time (days), a, b } and has one item feature.
export function writeEvents(folder, events, { labels = ['a'], splits = [10, 15], schema = {}, lines } = {}) {
  const day = 86400000;
  const start_ms = Date.UTC(2026, 0, 1);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'schema.json'), JSON.stringify({
    labels,
    features: { item: [{ name: 'x', kind: 'number' }], action: labels.map((name) => ({ name, kind: 'number' })) },
    splits: { validation: start_ms + splits[0] * day, test: start_ms + splits[1] * day },
    ...schema,
  }));
  const text = events.map(({ user, time, x = 1, ...label }) =>
    JSON.stringify({ user, time: start_ms + Math.round(time * day), item: { x }, action: label, label }));
  writeFileSync(join(folder, 'events.ndjson'), (lines ? lines(text) : text).map((line) => `${line}\n`).join(''));
  return folder;
}

// Users with an event a day, whose label follows x.
export const dailyEvents = (users = 4, days = 20) => Array.from({ length: users * days }, (_, i) => {
  const x = (i * 7919) % 13 < 6 ? 1 : -1;
  return { user: Math.floor(i / days), time: (i % days) + 0.5, x, a: (i * 31) % 7 === 0 ? Number(x < 0) : Number(x > 0) };
});

export const trainArgs = (data, out, recipePath, ...args) => ['train', '--data', data, '--out', out, '--recipe', recipePath, ...args];
export const train = (...args) => run(trainArgs(...args));
export function trained(...args) {
  const result = train(...args);
  assert.equal(result.status, 0, result.stderr);
  return result;
}

export const bytesOf = (out, name) => readFileSync(join(out, name));
export const readLog = (out) => readFileSync(join(out, 'log.ndjson'), 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line));
export const stepsOf = (out) => readLog(out).filter(({ event }) => event === 'step');
export const results = ['model.safetensors', 'checkpoint.safetensors', 'log.ndjson'];

// The metadata of a .safetensors file.
export function readMetadata(path) {
  const bytes = readFileSync(path);
  return JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString()).__metadata__;
}
export const stateOf = (out) => JSON.parse(readMetadata(join(out, 'checkpoint.safetensors')).training);

export function assertSame(one, other, names = results) {
  for (const name of names) assert.ok(bytesOf(one, name).equals(bytesOf(other, name)), `${name} of ${one} and of ${other} differ`);
}

// Starts a training and waits until check() holds; { child, ended } with ended a promise of { status, stderr }.
export async function startUntil(args, check) {
  const child = start(args);
  let stderr = '';
  child.stderr.on('data', (text) => (stderr += text));
  const ended = new Promise((go) => child.on('close', (code, signal) => go({ status: code ?? signal, stderr })));
  while (!check()) {
    assert.equal(child.exitCode, null, `ended too early: ${stderr}`);
    await new Promise((go) => setTimeout(go, 2));
  }
  return { child, ended };
}
export const isThere = (out, name) => () => existsSync(join(out, name));
