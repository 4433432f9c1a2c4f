// The page's spectrum.ts: a direct Fourier transform's numbers, and those of `siren-rope spectrum`.
import { join } from 'node:path';
import { loadPage, randomFrom, times } from './page_support.mjs';
import { esm, native, root } from './support.mjs';

const { spectrumShares, withoutLine } = await loadPage('demo/src/maths/spectrum.ts');
const { windowAround, timesOf } = await loadPage('demo/src/maths/time.ts');

const HOURS = 4 * 7 * 24;

/** What is left without the line through it, from the normal equations. */
function lineOff(x) {
  const n = x.length;
  const sum = (value) => times(n, value).reduce((a, b) => a + b, 0);
  const [s1, s2, y, xy] = [sum((i) => i), sum((i) => i * i), sum((i) => x[i]), sum((i) => i * x[i])];
  const slope = (n * xy - s1 * y) / (n * s2 - s1 * s1);
  return Float64Array.from(x, (v, i) => v - (y - slope * s1) / n - slope * i);
}

/** The variance at k cycles, k = 0 .. n/2, term by term. */
function powers(series) {
  const x = lineOff(series);
  const n = x.length;
  const [cosine, sine] = [Math.cos, Math.sin].map((f) => Float64Array.from({ length: n }, (_, i) => f((2 * Math.PI * i) / n)));
  return times(n / 2 + 1, (k) => {
    let re = 0;
    let im = 0;
    for (let i = 0; i < n; i++) {
      re += x[i] * cosine[(k * i) % n];
      im += x[i] * sine[(k * i) % n];
    }
    return k === 0 ? 0 : ((2 * k === n ? 1 : 2) * (re * re + im * im)) / (n * n);
  });
}

const total = (values) => values.reduce((a, b) => a + b, 0);
const worst = (a, b) => Math.max(...Array.from(a, (v, i) => Math.abs(v - b[i])));

test.each([2, 4, 8, 64, 512])('n = %i: as a direct transform has it', (n) => {
  const random = randomFrom(n);
  for (let round = 0; round < (n > 100 ? 3 : 20); round++) {
    const [offset, slope] = [100 * random.normal(), random.normal()];
    const series = Float64Array.from({ length: n }, (_, i) => offset + slope * i + random.normal());
    const found = spectrumShares(series);
    expect(found.length).toBe(n / 2 + 1);
    if (n === 2) {
      expect([...found]).toEqual([0, 0]); // two points are a line
      continue;
    }
    const expected = powers(series);
    expect(total(found)).toBeCloseTo(1, 12);
    expect(found[0]).toBe(0);
    expect(worst(found, expected.map((power) => power / total(expected)))).toBeLessThan(1e-10);
    expect(worst(withoutLine(series), lineOff(series))).toBeLessThan(1e-9);
    // Parseval: the powers are the variance, so that shares times variance are comparable between pairs
    expect(withoutLine(series).reduce((sum, v) => sum + v * v, 0) / n / total(expected)).toBeCloseTo(1, 10);
  }
});

test('shares do not change with a line, a scale or a sign', () => {
  const random = randomFrom(5);
  const series = Float64Array.from({ length: 256 }, random.normal);
  const expected = spectrumShares(series);
  for (const [scale, offset, slope] of [[1, 1000, 0], [-3, 0, 0.2], [1e-6, 0, 0], [1e6, -5, 7]])
    expect(worst(spectrumShares(series.map((v, i) => scale * v + offset + slope * i)), expected)).toBeLessThan(1e-9);
});

test('a day is 28 cycles of four weeks, a week 4, and twelve hours 56', () => {
  const at = (hours) => spectrumShares(Float64Array.from({ length: 2048 }, (_, i) => Math.cos((2 * Math.PI * i * HOURS) / 2048 / hours)));
  for (const [hours, cycles] of [[24, 28], [12, 56], [168, 4]]) {
    const shares = at(hours);
    expect(shares[cycles]).toBeGreaterThan(1 - 1e-5); // the samples begin at a peak, so a line has a trace of it
    expect(shares.indexOf(Math.max(...shares))).toBe(cycles);
  }
});

test('a straight line has no periods, a constant neither', () => {
  const random = randomFrom(6);
  for (let round = 0; round < 100; round++) {
    const [offset, slope] = [random.normal() * 10 ** random.whole(-6, 6), random.coin() ? 0 : random.normal() * 10 ** random.whole(-6, 6)];
    const shares = spectrumShares(Float64Array.from({ length: 2 ** random.whole(1, 11) }, (_, i) => offset + slope * i));
    expect(shares.every((share) => share === 0)).toBe(true);
  }
  expect(spectrumShares(new Float64Array(64)).every((share) => share === 0)).toBe(true);
});

test.each([0, 1, 3, 6, 1000, 1344])('%i samples are refused', (n) => {
  expect(() => spectrumShares(new Float64Array(n))).toThrow(RangeError);
});

/*
 * The program samples every half hour, 1344 times in four weeks, which is no power of two; the page 2048 times. So the direct
 * transform stands between them: it is the program's to rounding at 1344 samples, and the page's at 2048; and the page's
 * shares and the program's are of the same angles over the same four weeks, and differ only by what is faster than an hour
 * (it folds back differently) and by where the line's samples are: less than 2e-4 of the whole.
 */
describe.each([
  ['kuairand-excerpt', Date.UTC(2022, 4, 4)],
  ['planted-rhythm', Date.UTC(2024, 0, 25, 8)],
])('%s, against the program', (name, time) => {
  const path = join(root, `models/${name}.safetensors`);
  const window = windowAround(time, 'month');
  let model;
  beforeAll(async () => {
    model = await esm.loadModel(path, { build: 'simd' });
  });
  afterAll(() => model.dispose());

  test.each(['layers', 'action'])('%s', (network) => {
    const json = native(['spectrum', '--model', path, '--from', new Date(window.from).toISOString(), '--weeks', '4', '--network', network, '--top', '672', '--isa', 'scalar', '--json']);
    const { periods, variance } = JSON.parse(json);
    const program = new Float64Array(673);
    for (const { hours, share } of periods) program[Math.round(HOURS / hours)] = share;
    expect(total(program)).toBeCloseTo(1, 9);

    const pairs = model.info.sizes.P;
    const seriesOf = (n) => {
      const angles = model.angles(timesOf(window, n), { network });
      return times(pairs, (j) => Float64Array.from({ length: n }, (_, i) => angles[i * pairs + j]));
    };
    const direct = seriesOf(1344).map(powers);
    const all = total(direct.map(total));
    expect(all / variance).toBeCloseTo(1, 9);
    expect(worst(program, times(673, (k) => total(direct.map((power) => power[k])) / all))).toBeLessThan(1e-9);

    // all pairs together as the page has it: every pair's shares weighted with its variance
    const sum = new Float64Array(1025);
    let weight = 0;
    for (const series of seriesOf(2048)) {
      const size = withoutLine(series).reduce((sum, v) => sum + v * v, 0) / series.length;
      spectrumShares(series).forEach((share, k) => (sum[k] += size * share));
      weight += size;
    }
    expect(Math.abs(weight / variance - 1)).toBeLessThan(1e-3);
    expect(worst(program, sum.map((power) => power / weight))).toBeLessThan(2e-4);
  });
});
