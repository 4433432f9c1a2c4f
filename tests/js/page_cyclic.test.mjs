// The page's colours of angles (cyclic.ts): a circle without a seam, steps of nearly one size, nothing clipped, and angles that
// are far apart look different to everybody.
import { loadPage, randomFrom, times } from './page_support.mjs';

const { angleColour, putAngleColour } = await loadPage('demo/src/maths/cyclic.ts');

const STEPS = 512;
const TURN = 2 * Math.PI;
const middle = (i) => (TURN * (i + 0.5)) / STEPS; // of step i, away from its ends

function bytesAt(angle) {
  const pixels = new Uint8ClampedArray(12);
  putAngleColour(angle, pixels, 4);
  expect([...pixels.slice(0, 4), ...pixels.slice(8)]).toEqual(new Array(8).fill(0));
  expect(pixels[7]).toBe(255);
  return [...pixels.slice(4, 7)];
}

/* sRGB (IEC 61966-2-1) and OKLab (Ottosson, "A perceptual color space for image processing", 2020), from bytes: the way back
 * from what cyclic.ts does. */
const linear = (byte) => (byte / 255 <= 0.04045 ? byte / 255 / 12.92 : ((byte / 255 + 0.055) / 1.055) ** 2.4);
function oklab([r, g, b]) {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}
const apart = (p, q) => Math.hypot(...p.map((v, i) => v - q[i]));

const colours = times(STEPS, (i) => bytesAt(middle(i)));
const labs = colours.map((bytes) => oklab(bytes.map(linear)));

test('any angle, also of many turns, has the colour of its direction, in bytes and in words', () => {
  const random = randomFrom(1);
  for (let round = 0; round < 500; round++) {
    const i = random.whole(0, STEPS - 1);
    const angle = middle(i) + TURN * random.whole(-40, 40);
    expect(bytesAt(angle)).toEqual(colours[i]);
    expect(angleColour(angle)).toBe(`rgb(${colours[i].join(' ')})`);
  }
  expect(bytesAt(Math.PI)).toEqual(bytesAt(-Math.PI));
  for (const angle of [0, -1e-17, -0, TURN, -TURN, 1e9]) expect(bytesAt(angle).every((byte) => byte > 0)).toBe(true);
});

/** One unit of a byte moves a colour by up to 0.0025 in OKLab here, so steps are measured over sixteen of them. */
const STRIDE = 16;
const strides = times(STEPS, (i) => apart(labs[i], labs[(i + STRIDE) % STEPS]));

test('the seam is a step like the others', () => {
  const single = times(STEPS, (i) => apart(labs[i], labs[(i + 1) % STEPS]));
  expect(single[STEPS - 1]).toBeLessThanOrEqual(Math.max(...single.slice(0, -1)));
  expect(Math.max(...single)).toBeLessThan(0.008);
});

test('steps are of nearly one size: the largest at most 1.6 times the smallest', () => {
  expect(Math.max(...strides) / Math.min(...strides)).toBeLessThan(1.6);
});

test('no channel is clipped: lightness is a cosine and colour a sine all the way round, to the rounding of bytes', () => {
  const [l, a, b] = times(3, (k) => labs.map((lab) => lab[k]));
  const fitted = (values, f) => {
    const part = (g) => (2 / STEPS) * times(STEPS, (i) => values[i] * g(middle(i))).reduce((x, y) => x + y);
    const mean = part(() => 0.5);
    const size = part(f);
    return { mean, size, worst: Math.max(...times(STEPS, (i) => Math.abs(values[i] - mean - size * f(middle(i))))) };
  };
  const [lightness, green, blue] = [fitted(l, Math.cos), fitted(a, Math.sin), fitted(b, Math.sin)];
  // half a step of the circle in time and half a byte in size; a channel clipped by 0.02 is off by 0.01 and more
  for (const { worst } of [lightness, green, blue]) expect(worst).toBeLessThan(0.004);
  for (const { mean } of [green, blue]) expect(Math.abs(mean)).toBeLessThan(0.001);
  expect(colours.flat().every((byte) => byte > 0 && byte < 255)).toBe(true);
});

/*
 * How dichromats see it, in linear RGB, rows for red, green and blue.
 * Machado, Oliveira, Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency", IEEE TVCG 15 (2009),
 * severity 1.0; Viénot, Brettel, Mollon, "Digital Video Colourmaps for Checking the Legibility of Displays by Dichromats", Color
 * Research and Application 24 (1999), for sRGB primaries (it has no tritanopia).
 */
const EYES = {
  'trichromacy': [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  'protanopia (Machado)': [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  'deuteranopia (Machado)': [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  'tritanopia (Machado)': [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
  'protanopia (Viénot)': [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
  'deuteranopia (Viénot)': [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
};

/** OKLab distances, of which 0.02 is just seen: opposite angles ten times that, a quarter turn apart eight times. */
const OPPOSITE = 0.2;
const QUARTER = 0.16;

test.each(Object.keys(EYES))('%s: angles half a turn and a quarter turn apart look different', (eye) => {
  const seen = colours.map((bytes) => {
    const rgb = bytes.map(linear);
    return oklab(EYES[eye].map((row) => Math.min(1, Math.max(0, row.reduce((sum, v, k) => sum + v * rgb[k], 0)))));
  });
  const least = (steps) => Math.min(...times(STEPS, (i) => apart(seen[i], seen[(i + steps) % STEPS])));
  expect(least(STEPS / 2)).toBeGreaterThan(OPPOSITE);
  expect(least(STEPS / 4)).toBeGreaterThan(QUARTER);
  for (let steps = STEPS / 4; steps <= STEPS / 2; steps++) expect(least(steps)).toBeGreaterThan(QUARTER);
});
