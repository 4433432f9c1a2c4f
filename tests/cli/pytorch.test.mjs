// PyTorch both ways: examples/pytorch agrees with the golden vectors, with our program about the models that it trains, and about
// ours. Skipped, and it says so, where no Python has PyTorch (set-up installs Debian's python3-torch).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { golden, model, rank, readTensors, root, run, sigmoid, withFolder, writeTensors } from './program.mjs';

const TOLERANCE = 2e-5; // of logits: two float32 runs
const env = { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', PYTHONDONTWRITEBYTECODE: '1' };
const spawn = (program, args) => spawnSync(program, args, { env, encoding: 'utf8', maxBuffer: 1 << 30 });
const hasTorch = (program) => spawn(program, ['-c', 'import torch, numpy']).status === 0;
const interpreter = [process.env.PYTHON, 'python3', '/usr/bin/python3'].filter(Boolean).find(hasTorch);
const skip = interpreter ? false : 'no Python here can import torch and numpy; on Debian: apt-get install python3-torch python3-numpy';

function python(...args) {
  const { status, stdout, stderr } = spawn(interpreter, args);
  assert.equal(status, 0, stderr);
  return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}
const example = (name, ...args) => python(join(root, 'examples/pytorch', name), ...args);
const worstOf = (found, expected) => found.reduce((worst, x, i) => Math.max(worst, Math.abs(x - expected[i])), 0);

// Small, seeded (mulberry32), so that a failure comes again.
let seed = 7;
function random() {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const upTo = (n) => Math.floor(random() * n);

// Inputs of `score` for a model of those sizes; some events are of one instant. time_s: of the last event.
function randomIo({ X, Y, Z, G }, time_s, C = 23, N = 6) {
  const matrix = (n, width) => ({ dtype: 'F32', shape: [n, width], data: Array.from({ length: n * width }, () => 2 * random() - 1) });
  const times = [];
  for (let i = C - 1, t = time_s; i >= 0; i--, t -= random() < 0.3 ? 0 : upTo(20000)) times[i] = t;
  const io = {
    'history.item': matrix(C, X), 'history.action': matrix(C, Y), 'history.timestamp': { dtype: 'F64', shape: [C], data: times },
    'candidate.item': matrix(N, X), now: { dtype: 'F64', shape: [], data: [time_s + 4000.25] },
  };
  if (Z) Object.assign(io, { 'history.context': matrix(C, Z), 'candidate.context': matrix(N, Z) });
  if (G) Object.assign(io, { 'history.signal': matrix(C, G), 'candidate.signal': matrix(N, G) });
  return io;
}

// Both write what `score` writes; the logits must agree, and be of more than one value.
function compareScores(what, ours, theirs) {
  const [found, expected] = [readTensors(ours), readTensors(theirs)];
  for (const name of ['rank.logits', 'sequence.logits', 'cold.logits']) {
    assert.deepEqual(found[name].shape, expected[name].shape, `${what} ${name}`);
    assert.ok(new Set(expected[name].data).size > 3, `${what} ${name}: all the same`);
    const worst = worstOf(found[name].data, expected[name].data);
    assert.ok(worst <= TOLERANCE, `${what} ${name}: off by ${worst}`);
  }
}

// Requests of named values; in the last one values are missing.
function randomRequests(makeItem, now, n = 3) {
  const entry = (more) => ({ item: makeItem(), context: { tab: upTo(4) }, ...more });
  return Array.from({ length: n }, (_, id) => {
    const history = Array.from({ length: 8 * id }, (_, i) => entry({
      time: now - 1000 * (40000 - 4000 * Math.floor(i / 2)), action: { click: upTo(2), like: upTo(2), watch_ratio: 3 * random() } }));
    const candidates = Array.from({ length: 5 }, () => entry());
    if (id === n - 1) {
      candidates.push({ item: {} });
      delete history[3].context;
      delete history[4].action;
    }
    return { id, now, history, candidates };
  });
}

function compareRequests(what, modelPath, requests, theirs) {
  assert.equal(theirs.length, requests.length);
  const { status, answers, stderr } = rank(['--model', modelPath], requests);
  assert.equal(status, 0, stderr + JSON.stringify(answers));
  answers.forEach(({ id, ranked }, r) => {
    assert.equal(theirs[r].id, id);
    assert.equal(ranked.length, theirs[r].logits.length);
    for (const { index, probabilities } of ranked) {
      const worst = worstOf(Object.values(probabilities), theirs[r].logits[index].map(sigmoid));
      assert.ok(worst <= TOLERANCE, `${what}, request ${id}, candidate ${index}: off by ${worst}`);
    }
  });
}

function inspect(path) {
  const { status, stdout, stderr } = run(['inspect', path, '--json']);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

const now_s = 1_700_000_000;
const writeLines = (path, values) => writeFileSync(path, values.map((value) => `${JSON.stringify(value)}\n`).join(''));
const trainItem = () => ({ video: random() < 0.5 ? upTo(1000) : `v${upTo(9)}é`, tag: ['all', upTo(8), null], tab: upTo(4), place: ['home', 'search', 'else'][upTo(3)], duration_s: 90 * random() });
const kuairandItem = () => ({ video_id: upTo(9000), author_id: upTo(7000), tag: [upTo(60), upTo(60)], tab: upTo(15), duration_s: 200 * random() });

test('the modules are the golden vectors, in float64: scores, layers, angles, losses, gradients, three steps', { skip }, () => {
  const folders = readdirSync(join(root, 'tests/golden/vectors')).map((name) => join(root, 'tests/golden/vectors', name));
  const kinds = { io: 0, 'train, padded': 0, 'train, packed': 0 };
  for (const { folder, kind, compared, worst } of python(join(root, 'tests/cli/pytorch_golden.py'), ...folders)) {
    kinds[kind]++;
    assert.ok(compared > 100, `${folder}: only ${compared} numbers were compared`);
    // The training files are float32; gradients are over their tensor's largest.
    for (const [name, off] of Object.entries(worst)) assert.ok(off <= (kind === 'io' ? 1e-9 : 5e-7), `${folder} ${kind}, ${name}: off by ${off}`);
  }
  assert.ok(kinds.io >= 14, `only ${kinds.io} folders were scored`);
  assert.ok(kinds['train, padded'] >= 4 && kinds['train, packed'] >= 4, 'tests/golden/vectors lacks its train-* folders');
});

for (const variant of ['siren', 'ordinal', 'torope']) {
  test(`trained and saved by PyTorch, loaded here: ${variant}, with a schema and its tables`, { skip }, async () => {
    await withFolder((scratch) => {
      const [path, io, ours, theirs, lines] = ['model', 'io', 'ours', 'theirs', 'lines'].map((name) => join(scratch, name));
      const requests = randomRequests(trainItem, 1000 * now_s);
      writeLines(lines, requests);
      const answers = example('train.py', '--out', path, '--variant', variant, '--steps', '12', '--requests', lines);
      const { config, sizes } = inspect(path);
      assert.equal(config.variant, variant);
      assert.deepEqual(config.labels, ['click', 'like']);
      writeFileSync(io, writeTensors(randomIo(sizes, now_s)));
      assert.equal(run(['score', '--model', path, '--io', io, '--out', ours]).status, 0);
      example('score.py', '--model', path, '--io', io, '--out', theirs);
      compareScores(variant, ours, theirs);
      compareRequests(variant, path, requests, answers);
    });
  });
}

test('the same model in half precision', { skip }, async () => {
  await withFolder((scratch) => {
    const [path, half, io, ours, theirs] = ['model', 'half', 'io', 'ours', 'theirs'].map((name) => join(scratch, name));
    example('train.py', '--out', path, '--steps', '3');
    writeFileSync(io, writeTensors(randomIo(inspect(path).sizes, now_s)));
    for (const dtype of ['float16', 'bfloat16']) {
      python('-c', `import sys, torch; sys.path.insert(0, sys.argv[1]); from safetensors_file import read, write
tensors, metadata = read(sys.argv[2]); write(sys.argv[3], {name: t.to(torch.${dtype}) for name, t in tensors.items()}, metadata)`,
      join(root, 'examples/pytorch'), path, half);
      assert.equal(run(['score', '--model', half, '--io', io, '--out', ours]).status, 0);
      example('score.py', '--model', half, '--io', io, '--out', theirs);
      compareScores(dtype, ours, theirs);
    }
  });
});

// Made here, loaded strictly by PyTorch: every tensor of the file has its place in the modules, and the reverse.
for (const [what, path, last_s] of [
  ['the bundled model', model, 1_651_500_000],
  ['a model without a schema', golden('siren-semantic', 'model'), undefined],
]) {
  test(`${what} in PyTorch`, { skip }, async () => {
    await withFolder((scratch) => {
      const [io, ours, theirs, lines] = ['io', 'ours', 'theirs', 'lines'].map((name) => join(scratch, name));
      const { config, sizes } = inspect(path);
      const times = last_s ? undefined : readTensors(golden('siren-semantic', 'io'))['history.timestamp'].data;
      writeFileSync(io, writeTensors(randomIo(sizes, last_s ?? times.at(-1))));
      assert.equal(run(['score', '--model', path, '--io', io, '--out', ours]).status, 0);
      example('score.py', '--model', path, '--io', io, '--out', theirs);
      compareScores(what, ours, theirs);
      if (!config.features) return;
      const requests = randomRequests(kuairandItem, 1000 * last_s);
      writeLines(lines, requests);
      compareRequests(what, path, requests, example('score.py', '--model', path, '--requests', lines));
    });
  });
}
