/* spectrum.ts: which periods are in a series: the part of its variance at each whole number of cycles over the span. The same
 * quantity as the command `siren-rope spectrum`, by a fast transform. Pure numbers. */

/**
 * @param series n equal steps over the span, n a power of two
 * @returns (n/2 + 1): the share of the variance, straight line taken off, at k cycles; all zero for a straight line.
 */
export function spectrumShares(series: Float64Array): Float64Array {
  const n = series.length;
  if (n < 2 || (n & (n - 1)) !== 0) throw new RangeError(`a power of two is needed, found ${n} samples`);
  const re = withoutLine(series);
  const im = new Float64Array(n);
  const size = variance(re);
  transform(re, im);
  const shares = new Float64Array(n / 2 + 1);
  if (size <= variance(series) * 1e-18) return shares; // nothing but rounding is left
  let sum = 0;
  for (let k = 1; k <= n / 2; k++) {
    const both = k < n / 2 ? 2 : 1; // k and n - k are the same cosine
    shares[k] = both * (re[k]! * re[k]! + im[k]! * im[k]!);
    sum += shares[k]!;
  }
  return sum > 0 ? shares.map((share) => share / sum) : shares;
}

function variance(x: Float64Array): number {
  return x.reduce((sum, v) => sum + v * v, 0) / x.length;
}

/** What is left of a series when its straight line of least squares is taken off. */
export function withoutLine(x: Float64Array): Float64Array {
  const n = x.length;
  const middle = (n - 1) / 2;
  let mean = 0;
  let slope = 0;
  let spread = 0;
  for (let i = 0; i < n; i++) {
    mean += x[i]! / n;
    slope += (i - middle) * x[i]!;
    spread += (i - middle) ** 2;
  }
  return x.map((v, i) => v - mean - (slope / spread) * (i - middle));
}

/** In place, radix 2 (Cooley and Tukey). */
function transform(re: Float64Array, im: Float64Array): void {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j]!, re[i]!];
      [im[i], im[j]] = [im[j]!, im[i]!];
    }
  }
  for (let length = 2; length <= n; length *= 2) {
    const half = length / 2;
    for (let j = 0; j < half; j++) {
      const c = Math.cos((-2 * Math.PI * j) / length);
      const s = Math.sin((-2 * Math.PI * j) / length);
      for (let i = j; i < n; i += length) {
        const k = i + half;
        const x = re[k]! * c - im[k]! * s;
        const y = re[k]! * s + im[k]! * c;
        re[k] = re[i]! - x;
        im[k] = im[i]! - y;
        re[i] = re[i]! + x;
        im[i] = im[i]! + y;
      }
    }
  }
}
