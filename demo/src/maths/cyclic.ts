/* cyclic.ts: colours of angles. Cyclic: −π and π are the same colour. Safe for colour-blind people: one half of the circle is
 * bluish, the other orange, and lightness goes once down and up, so that angles a quarter turn apart differ for everybody
 * (tested under the usual simulations of dichromacy). Made in OKLab (Ottosson 2020), where steps look equal. */

const STEPS = 512;

/* As far apart for every eye as colours that a screen has allow: no channel is clipped. */
const LIGHTNESS = { middle: 0.67, swing: 0.19 };
/** Colour at a quarter turn, a and b of OKLab; three quarters turn is its opposite. */
const WARM = { a: 0.034, b: 0.128 };

function linearRgb(l: number, a: number, b: number): [number, number, number] {
  const x = (l + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const y = (l - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const z = (l - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * x - 3.3077115913 * y + 0.2309699292 * z,
    -1.2684380046 * x + 2.6097574011 * y - 0.3413193965 * z,
    -0.0041960863 * x - 0.7034186147 * y + 1.707614701 * z,
  ];
}

function toByte(linear: number): number {
  const v = Math.min(1, Math.max(0, linear));
  return Math.round(255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055));
}

/** (STEPS · 3) bytes: red, green, blue from angle 0 on. */
const TABLE = new Uint8Array(STEPS * 3);
for (let i = 0; i < STEPS; i++) {
  const angle = (2 * Math.PI * i) / STEPS;
  const warm = Math.sin(angle);
  const rgb = linearRgb(LIGHTNESS.middle + LIGHTNESS.swing * Math.cos(angle), WARM.a * warm, WARM.b * warm);
  TABLE.set(rgb.map(toByte), 3 * i);
}

function step(angle: number): number {
  const turn = angle / (2 * Math.PI);
  return Math.floor((turn - Math.floor(turn)) * STEPS) % STEPS;
}

/** Writes an angle's red, green, blue and 255 at `at` of a picture's bytes. */
export function putAngleColour(angle: number, pixels: Uint8ClampedArray, at: number): void {
  const from = 3 * step(angle);
  pixels[at] = TABLE[from]!;
  pixels[at + 1] = TABLE[from + 1]!;
  pixels[at + 2] = TABLE[from + 2]!;
  pixels[at + 3] = 255;
}

export function angleColour(angle: number): string {
  const from = 3 * step(angle);
  return `rgb(${TABLE[from]} ${TABLE[from + 1]} ${TABLE[from + 2]})`;
}
