// pixels.mjs: a screenshot's pixels.
import { PNG } from 'pngjs';

/** From PNG bytes: { width, height, at(x, y): [red, green, blue], 0 to 255 } */
export function readPixels(png) {
  const { width, height, data } = PNG.sync.read(Buffer.from(png));
  return {
    width,
    height,
    at(x, y) {
      if (!(x >= 0 && x < width && y >= 0 && y < height)) throw new RangeError(`no pixel ${x}, ${y} in ${width} x ${height}`);
      const start = 4 * (Math.floor(y) * width + Math.floor(x));
      return [...data.subarray(start, start + 3)];
    },
  };
}
