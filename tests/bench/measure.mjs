// Measuring sides (sides.mjs) against each other: one process each, that run in turn, block after block, every round beginning
// with another, so that a busy moment of the machine hits all of them. Nothing is timed before all answers agree.
import { startNative, startWorker } from './processes.mjs';

export const TOLERANCE = 1e-4; // between any float side's logits and the peer's
const TOP = 10;

export const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/** FNV-1a of the logits' bytes: the same result to the bit has the same checksum. */
export function checksum(logits) {
  let hash = 0x811c9dc5;
  for (const byte of new Uint8Array(logits.buffer, logits.byteOffset, logits.byteLength)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, '0');
}

/** Largest difference between two lists of logits; infinite where there are not as many, or one is no number. */
export function difference(a, b) {
  if (a?.length !== b.length) return Infinity;
  return a.reduce((worst, x, i) => (Math.abs(x - b[i]) <= worst ? worst : Number.isNaN(x) ? Infinity : Math.abs(x - b[i])), 0);
}

/** Share of the best candidates of b (N, T), by the sum of probabilities, that are among the best of a. */
export function topOverlap(a, b, T, top = TOP) {
  const best = (logits) => {
    const scores = Array.from({ length: logits.length / T }, (_, n) =>
      logits.subarray(n * T, (n + 1) * T).reduce((sum, x) => sum + 1 / (1 + Math.exp(-x)), 0));
    return new Set(scores.map((_, n) => n).sort((x, y) => scores[y] - scores[x] || x - y).slice(0, top));
  };
  const [mine, theirs] = [best(a), best(b)];
  return [...mine].filter((n) => theirs.has(n)).length / theirs.size;
}

/** Starts every side; those that cannot run here are left out and named in `missing`. -> { sides, missing } */
export async function startSides(list, filesOf) {
  const sides = [];
  const missing = [];
  for (const side of list) {
    const files = filesOf(side);
    try {
      if (!files) throw new Error(`${side.name}: no ${side.model} model`);
      sides.push({ ...side, ...await (side.kind === 'native' ? startNative(side, files) : startWorker(side, files)) });
    } catch (error) {
      if (side.isPeer || side.model === 'float' && side.kind === 'worker') throw error;
      missing.push(error.message);
    }
  }
  return { sides, missing };
}

/** Runs a ranking row of every side once and holds it against the reference: float sides must agree with it. */
async function agree(sides, row, warmUp, reference, T) {
  for (const side of sides) {
    const { logits } = await side.run(1, warmUp, true);
    side.checksum = checksum(logits);
    const worst = difference(logits, reference.logits ??= logits);
    side.difference = Math.max(side.difference ?? 0, worst);
    if (side.model === 'int8') side.overlap = topOverlap(logits, reference.logits, T);
    else if (!(worst <= TOLERANCE)) throw new Error(`${side.name}, ${row}: off by ${worst} from the logits of ${sides[0].name}`);
  }
}

/** One row: -> { side's name: { ms (all runs), median, best } }. reference: { logits }, kept between rows; without it nobody need agree */
export async function measureRow(all, row, { runs, block, warmUp, reference, T }) {
  const sides = [];
  for (const side of all) if ((side.rows?.includes(row) ?? true) && await side.row(row)) sides.push(side);
  if (row !== 'load' && reference) await agree(sides, row, warmUp, reference, T);
  else for (const side of sides) await side.run(1, warmUp, false);
  const times = sides.map(() => []);
  for (let round = 0; times.some((list) => list.length < runs); round++) {
    for (let i = 0; i < sides.length; i++) {
      const at = (round + i) % sides.length;
      const warm = sides[at].kind === 'native' ? warmUp : Math.min(1, warmUp);
      const { ms } = await sides[at].run(Math.min(block, runs - times[at].length), warm, false);
      times[at].push(...ms);
    }
  }
  for (const side of sides) await side.row(''); // lets go of what the row needed
  return Object.fromEntries(sides.map(({ name }, i) => [name, { median: median(times[i]), best: Math.min(...times[i]), ms: times[i] }]));
}
