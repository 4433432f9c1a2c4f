// `siren-rope/train`: a model learns what was planted, the same bits every time and as the native program has them, and is
// one that the main entry loads; everything that a caller can get wrong is a SirenRopeError; memory comes back.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { announceBuilds, builds, cjs, esm, failure, feedModel, native, rejection, root } from './support.mjs';

const train = await import('../../dist/train.js');
const trainCjs = createRequire(import.meta.url)('../../dist/train.cjs');
const { createTraining } = train;
announceBuilds();

const model = {
  d_model: 32,
  num_heads: 2,
  n_layers: 1,
  max_history: 48,
  attn_scale: 0.25,
  skip_scale: 0.5,
  ffwd_width: 64,
  head_widths: [32],
  angle_width: 16,
  angle_depth: 2,
  table_scale: 1,
};
const training = { epochs: 2, batch: 16, learning_rate: 0.003, warmup: 0, weight_decay: 0, dropout: 0 };
const small = { recipe: { model, training }, simulation: { users: 60 }, build: 'simd' };
const stepsOf = (events) => events.filter(({ kind }) => kind === 'step');
const evaluationsOf = (events) => events.filter(({ kind }) => kind === 'evaluation');
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

function withFolder(use) {
  const folder = mkdtempSync(join(tmpdir(), 'siren-rope-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('learning', () => {
  const learn = async (variant, build) => {
    const recipe = { model: { ...model, variant }, training: { ...training, epochs: 6 } };
    const made = await createTraining({ recipe, build, simulation: { weekShare: 0 } });
    const events = made.run();
    made.dispose();
    return events;
  };

  test.each(builds)('%s: the loss falls, and the NE below that of a model that is blind to time', async (build) => {
    const [events, blind] = [await learn('siren', build), await learn('ordinal', build)];
    const losses = stepsOf(events).map(({ loss }) => loss);
    expect(mean(losses.slice(-40))).toBeLessThan(mean(losses.slice(0, 40)) - 0.05);
    const [last, lastBlind] = [events, blind].map((found) => evaluationsOf(found).at(-1).tasks.engage);
    expect(last.ne).toBeLessThan(lastBlind.ne - 0.05);
    expect(last.auc).toBeGreaterThan(lastBlind.auc + 0.05);
    expect(stepsOf(blind).every(({ freq, orderScale }) => freq.length === 0 && orderScale === 1)).toBe(true);
  });

  test('the planted 24 hours are what the angles turn with', async () => {
    const recipe = { model, training: { ...training, epochs: 6 } };
    const made = await createTraining({ recipe, build: 'simd', simulation: { weekShare: 0 } });
    made.run();
    const ranker = await esm.loadModel(made.model(), { build: 'simd' });
    const hours = 28 * 24;
    const times = Array.from({ length: hours }, (_, i) => made.info.simulation.startMs + i * 3600000);
    const angles = ranker.angles(times, { network: 'action' });
    const { P } = ranker.info.sizes;
    const power = (cycles) => {
      let sum = 0;
      for (let pair = 0; pair < P; pair++) {
        let [re, im] = [0, 0];
        for (let i = 0; i < hours; i++) {
          re += angles[i * P + pair] * Math.cos((2 * Math.PI * cycles * i) / hours);
          im += angles[i * P + pair] * Math.sin((2 * Math.PI * cycles * i) / hours);
        }
        sum += re * re + im * im;
      }
      return sum;
    };
    const others = Array.from({ length: 80 }, (_, i) => i + 5).filter((cycles) => cycles !== 28); // 134 to 8 hours
    expect(power(28)).toBeGreaterThan(10 * Math.max(...others.map(power)));
    ranker.dispose();
    made.dispose();
  });
});

describe('the same bits', () => {
  const all = async (change = {}) => {
    const made = await createTraining({ ...small, ...change });
    const events = made.run();
    const result = { events, bytes: Buffer.from(made.model()), best: Buffer.from(made.model({ best: true })) };
    made.dispose();
    return result;
  };

  test('of the same seeds, and others of others', async () => {
    const [a, b] = [await all(), await all()];
    expect(b).toEqual(a);
    expect(a.events.length).toBeGreaterThan(8);
    const other = await all({ recipe: { model, training: { ...training, seed: 2 } } });
    expect(other.bytes.equals(a.bytes)).toBe(false);
    expect((await all({ simulation: { users: 60, seed: 2 } })).bytes.equals(a.bytes)).toBe(false);
  });

  test('step by step as all at once, whatever is asked in between', async () => {
    const { events, bytes } = await all();
    const made = await createTraining(small);
    const found = [];
    for (let n = 1; !made.isDone; n = (n % 3) + 1) {
      const before = made.stepCount;
      const some = made.run(n);
      expect(stepsOf(some).length).toBe(Math.min(n, made.info.steps - before));
      expect(made.stepCount).toBe(before + stepsOf(some).length);
      found.push(...some);
      made.model();
      made.feed(found.length);
    }
    expect(found).toEqual(events);
    expect(Buffer.from(made.model()).equals(bytes)).toBe(true);
    expect(made.run()).toEqual([]);
    made.dispose();
  });

  test('from both formats', async () => {
    const made = await trainCjs.createTraining(small);
    expect(made.run()).toEqual((await all()).events);
    made.dispose();
  });

  // The learning rate and the metrics use libm's cos, pow, exp and log, which may differ in a last bit of a double between
  // C libraries; the rate is rounded to float before it is used, so the weights do not.
  test('as the native program trains on the folder of the same simulation', async () => {
    const recipe = { model, training: { ...training, epochs: 3, dropout: 0.1, id_dropout: 0.1, warmup: 0.1 } };
    const { log, file } = withFolder((folder) => {
      const [data, out, path] = ['data', 'out', 'recipe.json'].map((name) => join(folder, name));
      writeFileSync(path, JSON.stringify(recipe));
      native(['simulate', '--out', data, '--users', '80', '--seed', '5', '--events', '30', '--days', '21', '--strength', '0.9']);
      native(['train', '--data', data, '--out', out, '--recipe', path, '--isa', 'scalar', '--moments', '0']);
      const lines = readFileSync(join(out, 'log.ndjson'), 'utf8').trim().split('\n');
      return { log: lines.map((line) => JSON.parse(line)), file: readFileSync(join(out, 'model.safetensors')) };
    });
    const simulation = { users: 80, seed: 5, eventsPerUser: 30, days: 21, strength: 0.9 };
    const made = await createTraining({ recipe, simulation, build: 'simd' });
    const events = made.run();
    expect(events.length).toBe(log.length);
    events.forEach((event, i) => {
      expect(event).toMatchObject({ kind: log[i].event, step: log[i].step, epoch: log[i].epoch });
      if (event.kind === 'step') {
        expect(event).toMatchObject({ loss: log[i].loss, gradientNorm: log[i].norm });
        expect(event.rate).toBeCloseTo(log[i].rate, 17);
        expect(event.orderScale).toBe(Math.fround(log[i].order_scale));
        expect(event.freq).toEqual(log[i].freq.map(Math.fround));
      } else {
        expect(event.best).toBe(log[i].best);
        expect(event.meanNe).toBeCloseTo(log[i].mean_ne, 12);
        for (const { task, labels, base_rate, ne, auc, ece } of log[i].tasks) {
          const found = event.tasks[task];
          expect([found.n, found.baseRate]).toEqual([labels, base_rate]);
          for (const [x, y] of [[found.ne, ne], [found.auc, auc], [found.ece, ece]]) expect(x).toBeCloseTo(y, 12);
        }
      }
    });
    expect(Buffer.from(made.model({ best: true })).equals(file)).toBe(true);
    made.dispose();
  });
});

describe('what comes of it', () => {
  test('a model that loads, with the rotation that was told', async () => {
    const made = await createTraining(small);
    const fresh = await esm.loadModel(made.model(), { build: 'simd' });
    const last = stepsOf(made.run(7)).at(-1);
    const ranker = await esm.loadModel(made.model(), { build: 'simd' });
    expect(ranker.info.order_scale).toBe(last.orderScale);
    expect(fresh.info.order_scale).toBe(1);
    expect(ranker.info.config).toMatchObject(made.info.config);
    expect(ranker.info.parameters).toBe(made.info.parameters);
    expect(ranker.info.sizes.A).toBe(last.freq.length);
    // angle = f(t) · freq: where the frequencies are doubled in the file, so are the angles
    const file = made.model();
    const length = Number(new DataView(file.buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)));
    const [name, { data_offsets: range }] = Object.entries(header).find(([key]) => /freq/.test(key));
    const frequencies = new Float32Array(file.slice(8 + length + range[0], 8 + length + range[1]).buffer);
    expect([name, ...frequencies]).toEqual([name, ...last.freq]);
    const doubled = file.slice();
    doubled.set(new Uint8Array(frequencies.map((x) => 2 * x).buffer), 8 + length + range[0]);
    const turned = await esm.loadModel(doubled, { build: 'simd' });
    const times = [1704100000000, 1704200000000];
    const angles = ranker.angles(times);
    expect(angles.some((x) => Math.abs(x) > 1e-3)).toBe(true);
    turned.angles(times).forEach((x, i) => expect(x).toBeCloseTo(2 * angles[i], 12));
    for (const each of [fresh, ranker, turned]) each.dispose();
    made.dispose();
  });

  test('the best model so far, besides the one as it is', async () => {
    const made = await createTraining(small);
    expect(evaluationsOf(made.run(made.info.stepsPerEpoch))).toMatchObject([{ best: true }]);
    const best = Buffer.from(made.model());
    made.run(2);
    expect(Buffer.from(made.model({ best: true })).equals(best)).toBe(true);
    expect(Buffer.from(made.model()).equals(best)).toBe(false);
    made.dispose();
  });

  test('info says what was made', async () => {
    const made = await createTraining({ ...small, simulation: { users: 60, weekShare: 0.5, startMs: 1710000000000 } });
    const { info } = made;
    expect(info).toMatchObject({ build: 'simd', isa: 'simd128', labels: ['engage', 'like'], recipe: small.recipe });
    expect(info.simulation).toEqual({
      seed: 1,
      users: 60,
      strength: 1,
      weekShare: 0.5,
      dayHours: 24,
      weekDays: 7,
      eventsPerUser: 40,
      days: 28,
      startMs: 1710000000000,
    });
    const days = 86400000;
    expect([info.validationMs, info.testMs]).toEqual([0.8, 0.9].map((part) => 1710000000000 + part * 28 * days));
    const feeds = Array.from({ length: 60 }, (_, user) => made.feed(user));
    const times = feeds.flat().map(({ time }) => time);
    const count = (from, to) => times.filter((time) => time >= from && time < to).length;
    expect(info.events).toBe(times.length);
    expect(info.users).toBe(feeds.filter(({ length }) => length > 0).length);
    expect(info.splits).toEqual({
      train: count(0, info.validationMs),
      validation: count(info.validationMs, info.testMs),
      test: count(info.testMs, Infinity),
    });
    expect(info.stepsPerEpoch).toBe(Math.ceil(info.windows / 16));
    expect(info.steps).toBe(2 * info.stepsPerEpoch);
    expect(stepsOf(made.run()).length).toBe(info.steps);
    made.dispose();
  });

  test('a feed is what the command writes, and a session takes it', async () => {
    const lines = withFolder((folder) => {
      native(['simulate', '--out', folder, '--users', '3', '--seed', '4']);
      return readFileSync(join(folder, 'events.ndjson'), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
    });
    const made = await createTraining({ ...small, simulation: { users: 60, seed: 4 } });
    for (const user of [0, 1, 2]) {
      const written = lines.filter((line) => line.user === user);
      const feed = made.feed(user);
      expect(feed.map(({ time, item, action, context }) => ({ time, item, action, context }))).toEqual(
        written.map(({ time, item, action, context }) => ({ time, item, action, context })),
      );
      for (const { truth } of feed) expect(truth.like > 0 && truth.like < truth.engage && truth.engage < 1).toBe(true);
      expect(made.feed(user, 5)).toEqual(feed.slice(0, 5));
    }
    const ranker = await esm.loadModel(made.model(), { build: 'simd' });
    const history = made.feed(1000);
    const session = ranker.createSession({ history: history.slice(0, -1), strict: true });
    const { item, context, time } = history.at(-1);
    const { probabilities } = session.rank([{ item, context }], { now: time }).items[0];
    expect(Object.keys(probabilities)).toEqual(['engage', 'like']);
    ranker.dispose();
    made.dispose();
  });
});

describe('errors', () => {
  const none = { users: 60 };
  const wide = (name, dim) => ({ name, kind: 'hash', buckets: 2, dim });
  test.each([
    [null, 'argument', 'options'],
    [[], 'argument', 'options'],
    [{ simulations: {} }, 'argument', 'simulations'],
    [{ simulation: 5 }, 'argument', 'simulation'],
    [{ simulation: { user: 5 } }, 'argument', 'simulation.user'],
    [{ simulation: { users: '60' } }, 'argument', 'simulation.users'],
    [{ simulation: { users: 0 } }, 'argument', 'simulation.users'],
    [{ simulation: { users: 1.5 } }, 'argument', 'simulation.users'],
    [{ simulation: { users: NaN } }, 'argument', 'simulation.users'],
    [{ simulation: { users: -1 } }, 'argument', 'simulation.users'],
    [{ simulation: { users: 1e300 } }, 'argument', 'simulation.users'],
    [{ simulation: { users: 1000001 } }, 'limit', 'simulation.users'],
    [{ simulation: { users: 200000 } }, 'limit', 'simulation.eventsPerUser'],
    [{ simulation: { seed: -1 } }, 'argument', 'simulation.seed'],
    [{ simulation: { seed: 0.5 } }, 'argument', 'simulation.seed'],
    [{ simulation: { seed: 2 ** 54 } }, 'argument', 'simulation.seed'],
    [{ simulation: { seed: 5n } }, 'argument', 'simulation.seed'],
    [{ simulation: { strength: 1.01 } }, 'argument', 'simulation.strength'],
    [{ simulation: { strength: NaN } }, 'argument', 'simulation.strength'],
    [{ simulation: { weekShare: -0.1 } }, 'argument', 'simulation.weekShare'],
    [{ simulation: { dayHours: 0 } }, 'argument', 'simulation.dayHours'],
    [{ simulation: { weekDays: Infinity } }, 'argument', 'simulation.weekDays'],
    [{ simulation: { eventsPerUser: 0 } }, 'argument', 'simulation.eventsPerUser'],
    [{ simulation: { eventsPerUser: 2801 } }, 'argument', 'simulation.eventsPerUser'],
    [{ simulation: { eventsPerUser: 0.001, users: 1 } }, 'argument', 'simulation.eventsPerUser'],
    [{ simulation: { days: true } }, 'argument', 'simulation.days'],
    [{ simulation: { startMs: 0.5 } }, 'argument', 'simulation.startMs'],
    [{ simulation: { startMs: NaN } }, 'argument', 'simulation.startMs'],
    [{ simulation: { startMs: 1e15 } }, 'argument', 'simulation.startMs'],
    [{ simulation: { users: 1, eventsPerUser: 2 } }, 'config', 'splits.validation'],
    [{ recipe: 'defaults' }, 'argument', 'recipe'],
    [{ recipe: { models: {} } }, 'config', 'recipe.models'],
    [{ recipe: { training: [] } }, 'config', 'recipe.training'],
    [{ recipe: { training: { bach: 1 } } }, 'config', 'recipe.training.bach'],
    [{ recipe: { training: { batch: 0 } } }, 'config', 'recipe.training.batch'],
    [{ recipe: { training: { batch: '16' } } }, 'config', 'recipe.training.batch'],
    [{ recipe: { training: { learning_rate: NaN } } }, 'value', 'recipe.training.learning_rate'],
    [{ recipe: { training: { learning_rate: -Infinity } } }, 'value', 'recipe.training.learning_rate'],
    [{ recipe: { training: { shards: 3 } } }, 'config', 'recipe.training.shards'],
    [{ recipe: { training: { task_weights: { finish: 1 } } } }, 'config', 'recipe.training.task_weights.finish'],
    [{ recipe: { model: { d_model: () => 32 } } }, 'argument', 'recipe.model.d_model'],
    [{ recipe: { model: { head_widths: [32, new Date(0)] } } }, 'argument', 'recipe.model.head_widths[1]'],
    [{ recipe: { model: { head_widths: [32, undefined] } } }, 'argument', 'recipe.model.head_widths[1]'],
    [{ recipe: { model: { num_heads: 5 } } }, 'config', 'recipe.model.num_heads'],
    [{ recipe: { model: { variant: 'sine' } } }, 'config', 'recipe.model.variant'],
    [{ recipe: { model: { labels: ['finish'] } } }, 'config', 'recipe.model.finish'],
    [{ recipe: { model: { angle_signals: ['flag'] } } }, 'config', 'recipe.model.flag'],
    [{ recipe: { model: { features: { item: [{ name: 'tag', kind: 'number' }] } } } }, 'config', 'recipe.model.item.tag'],
    [
      { recipe: { model: { features: { item: [{ name: 'topic', kind: 'index', size: 4, dim: 2 }] } } } },
      'feature',
      'recipe.model.item.topic',
    ],
    [{ recipe: { model: { d_model: 65536, n_layers: 4 } } }, 'memory', ''],
    [{ recipe: { model: { ...model, max_history: 1048576 } } }, 'memory', ''],
    [
      {
        simulation: { users: 2000, eventsPerUser: 100 },
        recipe: {
          model: { d_model: 2, num_heads: 1, features: { item: [wide('id', 32768)], action: [wide('engage', 1)] } },
          training: { batch: 65536 },
        },
      },
      'memory',
      '',
    ],
    [{ build: 'fast' }, 'argument', 'build'],
    [{ wasm: {} }, 'argument', 'wasm'],
  ])('%j: %s at %s', async (options, code, where) => {
    const given = options && !Array.isArray(options) ? { build: 'simd', simulation: none, ...options } : options;
    const error = await rejection(createTraining(given));
    expect({ code: error.code, where: error.where }).toEqual({ code, where });
    expect(error.message).toMatch(/\w \w/);
  });

  test('a recipe that holds itself', async () => {
    const recipe = { model: {} };
    recipe.model.features = recipe;
    expect(await rejection(createTraining({ recipe }))).toMatchObject({ code: 'limit' });
  });

  test('a loss that explodes', async () => {
    const wild = { ...training, learning_rate: 1000, clip_norm: 0 };
    const made = await createTraining({ ...small, recipe: { model, training: wild } });
    expect(failure(() => made.run())).toMatchObject({ code: 'value' });
    made.dispose();
  });

  test('of calls, after which it goes on', async () => {
    const made = await createTraining(small);
    for (const n of [0, -1, 1.5, NaN, '5', null]) {
      expect(failure(() => made.run(n))).toMatchObject({ code: 'argument', where: 'n' });
      expect(failure(() => made.feed(0, n))).toMatchObject({ code: 'argument', where: 'n' });
    }
    for (const user of [-1, 0.5, NaN, 2 ** 54, '5', undefined])
      expect(failure(() => made.feed(user))).toMatchObject({ code: 'argument', where: 'user' });
    expect(failure(() => made.model({ best: 1 }))).toMatchObject({ code: 'argument', where: 'best' });
    expect(made.stepCount).toBe(0);
    expect(stepsOf(made.run(2)).map(({ step }) => step)).toEqual([1, 2]);
    made.dispose();
  });

  test('are the same class in both entries', () => {
    expect(train.SirenRopeError).toBe(esm.SirenRopeError);
    expect(trainCjs.SirenRopeError).toBe(cjs.SirenRopeError);
  });
});

describe('the wasm module', () => {
  const compile = (name) => WebAssembly.compile(readFileSync(join(root, 'dist', name)));

  test.each(builds)('%s given by the host says itself which it is', async (build) => {
    const wasm = await compile(`siren-rope-train.${build}.wasm`);
    expect(WebAssembly.Module.imports(wasm).map(({ name }) => name)).toEqual(['emscripten_notify_memory_growth']);
    const made = await createTraining({ ...small, build: 'auto', wasm });
    expect(made.info.build).toBe(build);
    made.dispose();
    const other = build === 'simd' ? 'relaxed' : 'simd';
    expect(await rejection(createTraining({ ...small, wasm, build: other }))).toMatchObject({ code: 'argument', where: 'build' });
  });

  test('the other entry’s is refused, in both', async () => {
    const wrong = { code: 'unsupported', where: 'wasm' };
    expect(await rejection(createTraining({ wasm: await compile('siren-rope.simd.wasm') }))).toMatchObject(wrong);
    expect(await rejection(esm.loadModel(feedModel, { wasm: await compile('siren-rope-train.simd.wasm') }))).toMatchObject(wrong);
  });
});

describe('memory', () => {
  test('after dispose() everything is refused, and dispose() may be called again', async () => {
    const made = await createTraining(small);
    made.run(1);
    expect(made.memoryBytes).toBeGreaterThan(1e6);
    made.dispose();
    made[Symbol.dispose ?? Symbol.for('Symbol.dispose')]();
    expect(made.memoryBytes).toBe(0);
    const calls = [() => made.run(1), () => made.model(), () => made.feed(0), () => made.isDone, () => made.stepCount];
    for (const call of calls) expect(failure(call)).toMatchObject({ code: 'disposed' });
    expect(made.info.build).toBe('simd');
  });

  test('comes back from trainings that were disposed of', async () => {
    const wasmBytes = async () => {
      for (let i = 0; i < 4; i++) {
        globalThis.gc();
        await sleep(20);
      }
      return process.memoryUsage().external;
    };
    const kept = [];
    const round = async () => {
      const made = await createTraining(small);
      made.run(2);
      made.dispose();
      kept.push(made);
    };
    await round();
    const before = await wasmBytes();
    for (let i = 0; i < 20; i++) await round();
    expect((await wasmBytes()) - before).toBeLessThan(5e6);
    expect(kept).toHaveLength(21);
  });

  test('does not grow with calls, right and wrong', async () => {
    const made = await createTraining({ ...small, recipe: { model, training: { ...training, epochs: 500 } } });
    const use = () => {
      made.run(2);
      made.model();
      made.feed(3);
      failure(() => made.feed(-1));
    };
    for (let i = 0; i < 60; i++) use(); // texts of another length find their places in the heap: the last new page comes with the 24th
    const settled = made.memoryBytes;
    for (let i = 0; i < 100; i++) use();
    expect(made.memoryBytes).toBe(settled);
    made.dispose();
  });
});
