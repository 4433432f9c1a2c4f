// What quantising does to results, with its bounds: metrics on the KuaiRand excerpt's test split, where it is beside the checkout;
// and which ten of 200 candidates come first, in made-up requests with 50 events, for two trained models and a random one.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeRequest, random, toLine } from '../js/requests.mjs';
import { golden, model, rank, root, run, sanitized, shared, withFolder } from './program.mjs';

const kinds = ['int8', 'float16'];
const N_EVENTS = 50, N_CANDIDATES = 200, N_REQUESTS = sanitized ? 2 : 200, TOP = 10;

function quantize(folder, from, kind) {
  const to = join(folder, `${kind}.safetensors`);
  const { status, stderr } = run(['quantize', from, to, '--weights', kind]);
  assert.equal(status, 0, stderr);
  return to;
}

// ---------------------------------------------------------------- metrics

function evaluate(folder, path) {
  const { status, stdout, stderr } = run(['eval', '--model', path, '--data', join(shared, 'data/kuairand-pure-part'), '--cache', join(folder, 'packed'), '--json']);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout).tasks;
}

test('KuaiRand test split: AUC within 0.0005, NE within 0.001 of the float model\'s', (t) => {
  if (!existsSync(join(shared, 'data/kuairand-pure-part'))) return t.skip('SKIPPED: there is no KuaiRand excerpt beside the checkout');
  if (sanitized) return t.skip('SKIPPED: takes minutes with sanitizers');
  return withFolder((folder) => {
    const expected = evaluate(folder, model);
    for (const kind of kinds) {
      const found = evaluate(folder, quantize(folder, model, kind));
      assert.deepEqual(found.map(({ task }) => task), expected.map(({ task }) => task));
      found.forEach(({ task, auc, ne }, i) => {
        const [less, more] = [auc - expected[i].auc, ne - expected[i].ne];
        t.diagnostic(`${kind} ${task}: AUC ${auc.toFixed(5)} (${less.toFixed(5)}), NE ${ne.toFixed(5)} (${more.toFixed(5)})`);
        assert.ok(Math.abs(less) <= 0.0005 && Math.abs(more) <= 0.001, `${kind} ${task}: AUC ${less}, NE ${more}`);
      });
    }
  });
});

// ---------------------------------------------------------------- made-up requests

const normal = (next) => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());

// Of the golden model of the paper's sizes: vectors X = 128, Y = 3, Z = 64.
function vectorRequest(seed) {
  const next = random(seed);
  const vector = (n) => Array.from({ length: n }, () => normal(next));
  let time = 1.71e12;
  const history = Array.from({ length: N_EVENTS }, () => ({
    time: (time += Math.floor(next() * 4e6)), item: vector(128), context: vector(64), action: Array.from({ length: 3 }, () => Number(next() < 0.3)) }));
  return { id: seed, now: time + 60000, history, candidates: Array.from({ length: N_CANDIDATES }, (_, id) => ({ id, item: vector(128), context: vector(64) })) };
}

// Of the simulator's people: all of its 200 items as candidates.
function rhythmRequest(seed) {
  const next = random(seed);
  const whole = (most) => Math.floor(next() * most);
  const item = (id) => ({ id, topic: id % 8 });
  let time = Date.UTC(2024, 0, 2) + whole(20 * 86400000);
  const history = Array.from({ length: N_EVENTS }, () => ({
    time: (time += whole(4e6)), item: item(whole(200)), context: { place: whole(3) }, action: { engage: whole(2), like: Number(next() < 0.2) } }));
  const candidates = Array.from({ length: N_CANDIDATES }, (_, id) => ({ id, item: item(id), context: { place: 0 } }));
  return { id: seed, now: time + 60000, history, candidates };
}

function topOf(path, requests) {
  const { status, answers } = rank(['--model', path, '--limit', String(TOP)], requests);
  assert.equal(status, 0);
  return answers.map(({ ranked }) => ranked.map(({ index }) => index));
}

// The mean share of the float model's first ten that are also the other's.
function overlapOf(expected, found) {
  const shares = expected.map((top, i) => top.filter((index) => found[i].includes(index)).length / TOP);
  return shares.reduce((sum, share) => sum + share) / shares.length;
}

// The bound for int8 is 98 % of a model that ranks a real feed. The other two reach less, and it is the 7 bits of the activations
// that cost it: 8 would give 98.3 and 93 % (simulated). In the model of simulated people (D = 32) many layers add a little each, among
// items of one topic that are nearly alike. The golden one has random weights, scaled so that every part matters, and so sharp
// an attention that float16 already moves it.
const models = [
  { name: 'kuairand-excerpt', path: model, make: (seed) => toLine(makeRequest(seed, N_EVENTS, N_CANDIDATES)), int8: 0.98, float16: 0.99 },
  { name: 'planted-rhythm', path: join(root, 'models/planted-rhythm.safetensors'), make: rhythmRequest, int8: 0.955, float16: 0.99 },
  { name: 'siren-paper, random weights', path: golden('siren-paper', 'model'), make: vectorRequest, int8: 0.89, float16: 0.99 },
];

for (const { name, path, make, ...least } of models) {
  test(`the first ten of 200, ${N_REQUESTS} requests: ${name}`, (t) => withFolder((folder) => {
    const requests = Array.from({ length: N_REQUESTS }, (_, i) => JSON.stringify(make(i + 1)));
    const expected = topOf(path, requests);
    assert.ok(expected.every((top) => top.length === TOP));
    assert.ok(new Set(expected.map(String)).size > N_REQUESTS / 2, 'the requests are alike');
    for (const kind of kinds) {
      const overlap = overlapOf(expected, topOf(quantize(folder, path, kind), requests));
      t.diagnostic(`${kind}: ${(100 * overlap).toFixed(2)} % the same`);
      if (!sanitized) assert.ok(overlap >= least[kind], `${kind}: ${overlap}, expected ${least[kind]}`);
    }
  }));
}
