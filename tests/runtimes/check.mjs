// check.mjs: what every runtime does with the built package, as one JSON value that runtimes.test.mjs compares with the
// golden vectors and the native program. In: the repository's root URL, a reader of files, the golden folders. Nothing
// here is Node's.
import { loadModel, SirenRopeError } from '../../dist/index.js';
import { createPool } from '../../dist/pool.js';
import { createTraining } from '../../dist/train.js';
import { runGolden } from '../js/parity.mjs';
import { makeRequest } from '../js/requests.mjs';
import { readSafetensors } from '../js/safetensors.mjs';

export const seeds = [1, 2, 3];

/**
 * { auto, autoTraining, builds: { simd: { goldens: { folder: { rank, sequence, cold, angle } }, feed: [ranked], pool: [ranked],
 * training: { events, orderScale } } | { error: code } }, ... }
 */
export async function check(root, read, folders) {
  const url = (path) => new URL(path, root);
  const weights = url('models/kuairand-excerpt.safetensors');
  const results = { builds: {} };

  const auto = await loadModel(weights);
  results.auto = auto.info.build;
  auto.dispose();
  const training = await createTraining({ simulation: { users: 5 } });
  results.autoTraining = training.info.build;
  training.dispose();
  results.missing = await codeOf(() => loadModel(url('models/no-such-model.safetensors')));
  results.damaged = await codeOf(() => loadModel(new Uint8Array(100)));
  results.missingInPool = await codeOf(() => createPool(url('models/no-such-model.safetensors')));
  results.noWorker = await codeOf(() => createPool(weights, { workerUrl: url('dist/no-such-worker.js') }));
  results.disposed = await codeOf(() => auto.createSession());

  for (const build of ['simd', 'relaxed']) {
    const error = await codeOf(async () => (await loadModel(weights, { build })).dispose());
    results.builds[build] = { error };
    if (error !== 'none') continue;
    results.builds[build] = {
      goldens: {},
      feed: await rankFeed(weights, build),
      pool: await rankInPool(weights, build),
      training: await train(build),
    };
    for (const folder of folders) {
      const model = await loadModel(url(`tests/golden/vectors/${folder}/model.safetensors`), { build });
      const found = runGolden(model, readSafetensors(await read(url(`tests/golden/vectors/${folder}/io.safetensors`))));
      results.builds[build].goldens[folder] = Object.fromEntries(
        Object.entries(found).map(([name, x]) => [name, Array.from(x)]),
      );
      model.dispose();
    }
  }
  return results;
}

/** A short training, and λ as the main entry reads it from the model that comes of it. */
export async function train(build) {
  const recipe = { model: { d_model: 16, num_heads: 2, n_layers: 1, head_widths: [16] }, training: { batch: 8, epochs: 2 } };
  const training = await createTraining({ build, recipe, simulation: { users: 60 } });
  const events = [training.run(5), training.run()].flat();
  const model = await loadModel(training.model(), { build });
  return { events, orderScale: model.info.order_scale };
}

async function rankFeed(weights, build) {
  const model = await loadModel(weights, { build });
  return seeds.map((seed) => {
    const { history, candidates, now, utcOffsetMinutes } = makeRequest(seed, 20 * seed, 15);
    const session = model.createSession({ history: history.slice(0, 5), utcOffsetMinutes });
    session.rank(candidates, { now });
    session.append(history.slice(5));
    const restored = model.restoreSession(session.snapshot());
    const { items } = restored.rank(candidates, { now, utcOffsetMinutes });
    return items.map(({ index, score, probabilities }) => ({ index, score, probabilities }));
  });
}

/** The same feeds, from two workers that share each. */
async function rankInPool(weights, build) {
  const pool = await createPool(weights, { build, workers: 2 });
  const ranked = seeds.map(async (seed) => {
    const { history, candidates, now, utcOffsetMinutes } = makeRequest(seed, 20 * seed, 15);
    const session = await pool.createSession({ history, utcOffsetMinutes });
    const { items } = await session.rank(candidates, { now, workers: 2 });
    return items.map(({ index, score, probabilities }) => ({ index, score, probabilities }));
  });
  const feeds = await Promise.all(ranked);
  pool.dispose();
  return feeds;
}

async function codeOf(call) {
  try {
    await call();
    return 'none';
  } catch (error) {
    return error instanceof SirenRopeError ? error.code : `not typed: ${error}`;
  }
}
