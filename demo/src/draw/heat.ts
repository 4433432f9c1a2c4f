/* heat.ts: angles as colours: time to the right, pairs downwards, with lines at days and weeks. */
import { putAngleColour } from '../maths/cyclic.js';
import type { Window } from '../maths/time.js';
import { drawTimeAxis, timeCursor } from './axes.js';
import { textAt, type Box, type Context, type Picture, type Size } from './picture.js';
import { SMALL_FONT, type Theme } from './theme.js';

export interface HeatScene {
  window: Window;
  pairs: number;
  /** (n·P) radians */
  angles: Float64Array;
  chosen: readonly number[];
}

const LEFT = 44;
const TOP = 12;
const BOTTOM = 24;

export function heatBox({ width, height }: Size): Box {
  return { left: LEFT, top: TOP, right: width - 8, bottom: height - BOTTOM };
}

const images = new WeakMap<Float64Array, HTMLCanvasElement>(); // of angles that are still on screen

/** One pixel a number: times across, pairs down. */
function imageOf(angles: Float64Array, pairs: number): HTMLCanvasElement {
  const kept = images.get(angles);
  if (kept) return kept;
  const n = angles.length / pairs;
  const image = document.createElement('canvas');
  image.width = n;
  image.height = pairs;
  const context = image.getContext('2d')!;
  const data = context.createImageData(n, pairs);
  for (let i = 0, at = 0; i < n; i++)
    for (let j = 0; j < pairs; j++, at++) putAngleColour(angles[at]!, data.data, 4 * (j * n + i));
  context.putImageData(data, 0, 0);
  images.set(angles, image);
  return image;
}

export const heatPicture: Picture<HeatScene, number> = {
  reserve: 244,
  height: (_, { pairs }) => TOP + BOTTOM + Math.min(420, Math.max(160, pairs * 26)),

  draw(context: Context, { window, pairs, angles, chosen }: HeatScene, size: Size, theme: Theme): void {
    const box = heatBox(size);
    const row = (box.bottom - box.top) / pairs;
    context.imageSmoothingEnabled = false;
    context.drawImage(imageOf(angles, pairs), box.left, box.top, box.right - box.left, box.bottom - box.top);
    drawTimeAxis(context, window, box, theme, true);
    const every = Math.ceil(12 / row);
    for (let j = 0; j < pairs; j++) {
      const y = box.top + (j + 0.5) * row;
      const series = chosen.indexOf(j);
      if (series >= 0) {
        context.fillStyle = theme.series[series]!;
        context.fillRect(box.left - 5, box.top + j * row, 4, row);
      }
      if (j % every === 0) textAt(context, String(j), box.left - 10, y, 'right', theme.soft, SMALL_FONT);
    }
    textAt(context, 'pair', 2, box.top + row / 2, 'left', theme.soft, SMALL_FONT);
  },

  cursor: (time: number, size: Size, { window }: HeatScene) => timeCursor(time, window, heatBox(size)),
};
