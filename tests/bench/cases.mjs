// What is measured: models and a request each. A new size is an entry of CASES. All candidates of a request have one
// context, as those of one screen have; so its part of the head is the same for all.
import { readFileSync } from 'node:fs';
import { randomRequest } from './inputs.mjs';
import { parseSafetensors, writeSafetensors } from './safetensors.mjs';
import { makeModel } from './weights.mjs';

// The paper's text has these five, without `order`: an appended event costs one token. The authors' code has `order` too.
const FIVE_FEATURES = ['year', 'sin_day', 'cos_day', 'sin_week', 'cos_week'];
const LABELS = ['contribution', 'like', 'long_dwell'];

const made = (sizes) => () => makeModel({ X: sizes.D, Y: 3, Z: 64, labels: LABELS, features: FIVE_FEATURES, ...sizes });

/** runs: what medians are taken of, coldRuns: of processes; quickRuns: with --quick, where null leaves the case out. */
export const CASES = [
  {
    name: 'paper', C: 50, N: 200, seed: 1, runs: 60, quickRuns: 10, coldRuns: 11,
    bytes: () => new Uint8Array(readFileSync(new URL('../golden/vectors/siren-paper/model.safetensors', import.meta.url))),
  },
  {
    name: 'medium', C: 256, N: 500, seed: 2, runs: 50, quickRuns: 4, coldRuns: 7,
    bytes: made({ D: 256, H: 4, L: 6, head: [512, 256], maxHistory: 256, seed: 11 }),
  },
  {
    name: 'large', C: 1024, N: 500, seed: 3, runs: 5, quickRuns: null, coldRuns: 3,
    bytes: made({ D: 512, H: 8, L: 12, head: [1024, 512], maxHistory: 1024, seed: 12 }),
  },
];

/** A model of another size for the rows on growth. */
export const madeModel = (sizes) => made(sizes)();

/** The request of a case as the tensors that `siren-rope score` and `bench rank` read. */
export function requestBytes(model, { C, N, seed }) {
  const { history, candidate, now_s } = randomRequest(model, { C, N, seed });
  const { X, Y, Z, G } = model;
  const tensor = (data, ...shape) => ({ data, shape });
  return writeSafetensors({
    'history.item': tensor(history.item, C, X), 'history.action': tensor(history.action, C, Y),
    'history.timestamp': tensor(Float64Array.from(history.time_s), C), 'history.context': tensor(new Float32Array(C * Z), C, Z),
    'candidate.item': tensor(candidate.item, N, X), 'candidate.context': tensor(candidate.context, N, Z),
    ...(G > 0 ? { 'history.signal': tensor(history.signal, C, G), 'candidate.signal': tensor(candidate.signal, N, G) } : {}),
    now: { data: Float64Array.of(now_s), shape: [] },
  });
}

/** The bytes of requestBytes -> what randomRequest made, and its C and N. */
export function readRequest(bytes) {
  const { tensors: io } = parseSafetensors(bytes);
  return {
    C: io['history.item'].shape[0], N: io['candidate.item'].shape[0],
    history: {
      item: io['history.item'].data, action: io['history.action'].data, time_s: [...io['history.timestamp'].data],
      signal: io['history.signal']?.data,
    },
    candidate: { item: io['candidate.item'].data, context: io['candidate.context'].data, signal: io['candidate.signal']?.data },
    now_s: io.now.data[0],
  };
}
