/* clock_map.ts: numbers between −1 and 1 by day and hour, as colours: a week of a calendar for each of some rotations. */
import { DAY, HOUR, weekdayWords } from '../maths/time.js';
import { textAt, type Context, type Picture, type Size } from './picture.js';
import { FONT, SMALL_FONT, type Theme } from './theme.js';

export interface ClockMap {
  name: string;
  /** (days · 24), a day's hours together */
  values: Float64Array;
}

export interface ClockMapScene {
  /** Unix milliseconds of the first hour, a midnight. */
  from: number;
  days: number;
  maps: ClockMap[];
  /** The query's time: its hour is framed. */
  time: number;
}

const LEFT = 36;
const TOP = 24;
const BOTTOM = 20;
const GAP = 26;
const LEAST_WIDTH = 190;

/** −1 orange, 0 pale, 1 blue: told apart by colour-blind people, and by lightness at the ends. */
export function kernelColour(value: number): string {
  const v = Math.max(-1, Math.min(1, value));
  const size = Math.abs(v);
  return v >= 0
    ? `rgb(${Math.round(244 - 231 * size)} ${Math.round(244 - 170 * size)} ${Math.round(244 - 90 * size)})`
    : `rgb(${Math.round(244 - 44 * size)} ${Math.round(244 - 150 * size)} ${Math.round(244 - 240 * size)})`;
}

function columnsOf(width: number, n: number): number {
  return Math.max(1, Math.min(n, Math.floor((width + GAP) / (LEAST_WIDTH + GAP))));
}

export function mapHeight(width: number, { maps, days }: ClockMapScene): number {
  return Math.ceil(maps.length / columnsOf(width, maps.length)) * (TOP + BOTTOM + days * 15 + 8);
}

export const clockMapPicture: Picture<ClockMapScene> = {
  height: mapHeight,
  reserve: 157,

  draw(context: Context, { from, days, maps, time }: ClockMapScene, { width }: Size, theme: Theme): void {
    const columns = columnsOf(width, maps.length);
    const each = (width - (columns - 1) * GAP) / columns;
    maps.forEach(({ name, values }, m) => {
      const x0 = (m % columns) * (each + GAP) + LEFT;
      const y0 = Math.floor(m / columns) * (TOP + BOTTOM + days * 15 + 8) + TOP;
      const cell = (each - LEFT) / 24;
      textAt(context, name, x0, y0 - 13, 'left', theme.ink, FONT);
      for (let day = 0; day < days; day++) {
        textAt(context, weekdayWords(from + day * DAY), x0 - 5, y0 + day * 15 + 7, 'right', theme.soft, SMALL_FONT);
        for (let hour = 0; hour < 24; hour++) {
          const value = values[day * 24 + hour]!;
          if (Number.isNaN(value)) continue; // later than the query
          context.fillStyle = kernelColour(value);
          context.fillRect(x0 + hour * cell, y0 + day * 15, cell - 0.5, 14.5);
        }
      }
      for (const hour of [0, 6, 12, 18]) textAt(context, `${hour}h`, x0 + hour * cell, y0 + days * 15 + 9, 'left', theme.soft, SMALL_FONT);
      const at = Math.floor((time - from) / HOUR);
      if (at >= 0 && at < days * 24) {
        context.strokeStyle = theme.now;
        context.lineWidth = 2;
        context.strokeRect(x0 + (at % 24) * cell - 1, y0 + Math.floor(at / 24) * 15 - 1, cell + 1.5, 16);
      }
    });
  },
};
