// values_expected.mjs: what the page must show, computed here: the package in Node, and the page's formulas written anew from
// its conventions. Nothing of demo/src is used. Letters: P pairs, n times.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, esm } from '../js/support.mjs';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const WEEK = 7 * DAY;
const MONDAY = Date.UTC(2024, 0, 1);

/** Where a window begins: at a whole `unit`, `before` earlier. */
const SPANS = {
  hour: { ms: HOUR, unit: HOUR, before: 0 },
  day: { ms: DAY, unit: DAY, before: 0 },
  week: { ms: WEEK, unit: WEEK, before: 0 },
  month: { ms: 4 * WEEK, unit: WEEK, before: WEEK },
  season: { ms: 12 * WEEK, unit: WEEK, before: 5 * WEEK },
};
export const spanMs = (span) => SPANS[span].ms;
export function windowFrom(time, span) {
  const { unit, before } = SPANS[span];
  return MONDAY + Math.floor((time - MONDAY) / unit) * unit - before;
}
export const GRID = 1000;
export const gridTimes = (time, span) => Array.from({ length: GRID }, (_, i) => windowFrom(time, span) + (spanMs(span) * i) / GRID);
export const addressTime = (time) => new Date(time).toISOString().slice(0, 16);

export const wrap = (angle) => angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));

/* ---------------------------------------------------------------- model files */

/** { metadata, tensors: name -> { dtype, shape, bytes } } */
export function readFile(bytes) {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(Buffer.from(bytes.subarray(8, 8 + length)).toString());
  const tensors = new Map();
  for (const [name, value] of Object.entries(header))
    if (name !== '__metadata__') tensors.set(name, { ...value, bytes: bytes.subarray(8 + length + value.data_offsets[0], 8 + length + value.data_offsets[1]) });
  return { metadata: header.__metadata__, tensors };
}

export function writeFile({ metadata, tensors }) {
  const header = { __metadata__: metadata };
  let at = 0;
  for (const [name, { dtype, shape, bytes }] of tensors) header[name] = { dtype, shape, data_offsets: [at, (at += bytes.length)] };
  const text = Buffer.from(JSON.stringify(header));
  const padding = Buffer.alloc((8 - (text.length % 8)) % 8, ' ');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length + padding.length));
  return new Uint8Array(Buffer.concat([length, text, padding, ...[...tensors.values()].map(({ bytes }) => bytes)]));
}

/** The file with other bytes in some tensors. change: (name, tensor) -> tensor */
export function changed(bytes, change) {
  const { metadata, tensors } = readFile(bytes);
  return writeFile({ metadata, tensors: new Map([...tensors].map(([name, tensor]) => [name, change(name, tensor)])) });
}

/** The last linear of both networks' branch (`net` sine, `residual` ReLU) at zero: the branch adds nothing. */
export function withoutBranch(bytes, branch) {
  const names = [...readFile(bytes).tensors.keys()];
  const numberOf = (name) => Number(new RegExp(`^(?:action_)?angle_nn\\.${branch}\\.(\\d+)\\.`).exec(name)?.[1] ?? -1);
  const last = Math.max(...names.map(numberOf));
  const gone = names.filter((name) => numberOf(name) === last);
  if (gone.length !== 4) throw new Error(`two weights and two biases, not ${gone}`);
  return changed(bytes, (name, tensor) => (gone.includes(name) ? { ...tensor, bytes: new Uint8Array(tensor.bytes.length) } : tensor));
}

export const withoutOrder = (bytes) => changed(bytes, (name, tensor) => (name === 'rope.order_scale' ? { ...tensor, bytes: new Uint8Array(tensor.bytes.length) } : tensor));

/** The model file with the rotation that it had at a moment of its training. */
export function atMoment(bytes, moments, moment) {
  const { tensors } = readFile(moments);
  const prefix = `${String(moment).padStart(3, '0')}.`;
  let n = 0;
  const file = changed(bytes, (name, tensor) => {
    const then = tensors.get(prefix + name);
    n += then ? 1 : 0;
    return then ?? tensor;
  });
  const there = [...tensors.keys()].filter((name) => name.startsWith(prefix)).length;
  if (n === 0 || n !== there) throw new Error(`${n} of ${there} tensors of moment ${moment} are in the model`);
  return file;
}

/** Numbers of an F16 or F32 tensor. */
export function numbersOf({ dtype, bytes }) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (dtype === 'F32') return Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
  return Array.from({ length: bytes.length / 2 }, (_, i) => {
    const half = view.getUint16(2 * i, true);
    const [sign, exponent, fraction] = [half >> 15 ? -1 : 1, (half >> 10) & 31, half & 1023];
    return sign * (exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24);
  });
}

const bundled = (name, firstTime) => {
  const read = (ending) => new Uint8Array(readFileSync(join(root, `models/${name}${ending}`)));
  return { bytes: read('.safetensors'), moments: read('.moments.safetensors'), firstTime };
};
export const bundledModels = {
  rhythm: bundled('planted-rhythm', Date.UTC(2024, 0, 25, 8)),
  kuairand: bundled('kuairand-excerpt', Date.UTC(2022, 4, 4)),
};

/** Where a model of unknown origin begins. */
export function firstTimeOf(bytes) {
  const { trend_center: center = 0 } = JSON.parse(readFile(bytes).metadata.siren_rope);
  return center > 0 ? center * 1000 : Date.UTC(2024, 0, 25, 8);
}

/* ---------------------------------------------------------------- angles */

export class Expected {
  static async of(bytes, firstTime) {
    return new Expected(await esm.loadModel(bytes, { build: 'simd' }), firstTime);
  }

  constructor(model, firstTime) {
    this.model = model;
    this.firstTime = firstTime;
    this.pairs = model.info.sizes.P;
    this.siren = model.info.config.variant === 'siren';
    this.origin = windowFrom(firstTime, 'week');
  }

  /** Of some times, every array (n·P): the model's rotation, its time part, and the fixed two. */
  at(times, { network = 'layers', perDay = 2 } = {}) {
    const { pairs, siren } = this;
    const { ordinal_frequencies: inv, order_scale: scale, config } = this.model.info;
    const timePart = this.model.angles(Float64Array.from(times), { network });
    const days = Array.from(times, (t) => (t - this.origin) / DAY);
    const each = (angle) => Float64Array.from({ length: timePart.length }, (_, at) => angle(days[Math.floor(at / pairs)], at % pairs, timePart[at]));
    const base = Number(config.rope_base ?? 100_000);
    return {
      timePart: siren ? timePart : timePart.map((part) => -part),
      // a place later turns a siren token back by inv · λ; the fixed variants have both parts of one sign
      learned: each((d, j, part) => (siren ? part - d * perDay * inv[j] * scale : -part - d * perDay * inv[j])),
      ordinal: each((d, j) => -d * perDay * base ** (-j / pairs)),
      torope: each((d, j) => -(d * perDay + 0.01 * d) * 10_000 ** (-j / pairs)),
    };
  }

  /** κ of every row of `angles` against the row `query`. */
  kernel(angles, query) {
    const { pairs } = this;
    return Array.from({ length: angles.length / pairs }, (_, i) => {
      let sum = 0;
      for (let j = 0; j < pairs; j++) sum += Math.cos(angles[query * pairs + j] - angles[i * pairs + j]);
      return sum / pairs;
    });
  }

  /** (P): share of the variance at k cycles in four weeks, k = 0 .. 1024, by a direct transform; and the variance, a line taken off both. */
  spectrum({ network } = {}) {
    const n = 2048;
    const from = windowFrom(this.firstTime, 'month');
    const { timePart } = this.at(Array.from({ length: n }, (_, i) => from + (4 * WEEK * i) / n), { network });
    const [cosine, sine] = [Math.cos, Math.sin].map((f) => Float64Array.from({ length: n }, (_, i) => f((2 * Math.PI * i) / n)));
    return Array.from({ length: this.pairs }, (_, j) => {
      const x = lineOff(Float64Array.from({ length: n }, (_, i) => timePart[i * this.pairs + j]));
      const powers = new Float64Array(n / 2 + 1);
      for (let k = 1; k <= n / 2; k++) {
        let [re, im] = [0, 0];
        for (let i = 0; i < n; i++) {
          re += x[i] * cosine[(k * i) % n];
          im += x[i] * sine[(k * i) % n];
        }
        powers[k] = ((2 * k === n ? 1 : 2) * (re * re + im * im)) / (n * n);
      }
      const variance = powers.reduce((a, b) => a + b);
      return { shares: powers.map((power) => power / variance), variance };
    });
  }

  dispose() {
    this.model.dispose();
  }
}

function lineOff(x) {
  const n = x.length;
  const mean = x.reduce((a, b) => a + b) / n;
  const slope = x.reduce((sum, v, i) => sum + (i - (n - 1) / 2) * v, 0) / x.reduce((sum, _, i) => sum + (i - (n - 1) / 2) ** 2, 0);
  return x.map((v, i) => v - mean - slope * (i - (n - 1) / 2));
}

/** The pair that swings most with the day: 28 cycles in four weeks. */
export function dailyPair(spectrum) {
  const powers = spectrum.map(({ shares, variance }) => shares[28] * variance);
  return powers.indexOf(Math.max(...powers));
}

/** All pairs' shares of all variance, [{ k, share }], the strongest first. */
export function strongest(spectrum) {
  const all = spectrum.reduce((sum, { variance }) => sum + variance, 0);
  return Array.from(spectrum[0].shares, (_, k) => ({ k, share: spectrum.reduce((sum, { shares, variance }) => sum + shares[k] * variance, 0) / all })).sort((a, b) => b.share - a.share);
}

/* ---------------------------------------------------------------- comparing */

/** Throws unless all numbers are within `tolerance` of what is wanted; 0: equal to the bit. */
export function same(found, wanted, tolerance, what = '') {
  if (found.length !== wanted.length) throw new Error(`${what}: found ${found.length} numbers, wanted ${wanted.length}`);
  for (let i = 0; i < found.length; i++)
    if (!(Math.abs(found[i] - wanted[i]) <= tolerance)) throw new Error(`${what}: number ${i} is ${found[i]}, wanted ${wanted[i]}, off by ${Math.abs(found[i] - wanted[i])}`);
}

/** A column of a figure's rows, by its name. */
export function column({ head, rows }, name) {
  const at = head.indexOf(name);
  if (at < 0) throw new Error(`no column ${name} in ${head.join(', ')}`);
  return rows.map((row) => row[at]);
}

/** Reads and checks until the check passes: what is asked of the page takes it a moment. The last failure is thrown. */
export async function eventually(read, check, timeout = 30_000) {
  for (const deadline = Date.now() + timeout; ; await new Promise((done) => setTimeout(done, 100))) {
    try {
      return await check(await read());
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}
