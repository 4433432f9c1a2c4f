// Random ranking requests from a seed: the same numbers on every machine. Events an hour or so apart, values in -1..1,
// actions 0 or 1. What is measured does not depend on the values; what is compared does.
const NEWEST_S = 1734480000; // 18 December 2024

/** Uniform in [0, 1), mulberry32. */
export function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * { history: { item, action, time_s, signal }, candidate: { item, context, signal }, now_s }, row-major; all candidates
 * have the same context.
 */
export function randomRequest({ X, Y, Z, G }, { C, N, seed }) {
  const random = generator(seed);
  const values = (n) => Float32Array.from({ length: n }, () => 2 * random() - 1);
  const flags = (n) => Float32Array.from({ length: n }, () => (random() < 0.3 ? 1 : 0));
  const time_s = Array.from({ length: C }, (_, i) => NEWEST_S - Math.floor(3600 * (C - i + 0.9 * random())));
  const context = values(Z);
  return {
    history: { item: values(C * X), action: flags(C * Y), time_s, signal: flags(C * G) },
    candidate: { item: values(N * X), context: Float32Array.from({ length: N * Z }, (_, i) => context[i % Z]), signal: flags(N * G) },
    now_s: NEWEST_S,
  };
}
