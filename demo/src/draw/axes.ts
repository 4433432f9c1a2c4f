/* axes.ts: the axes that pictures share. d3-scale gives round ticks; times have their own, because weeks begin on Mondays here. */
import { scaleLinear, type ScaleContinuousNumeric } from 'd3-scale';
import { ticksOf, type Window } from '../maths/time.js';
import { straightLine, textAt, type Box, type Context, type Cursor } from './picture.js';
import { SMALL_FONT, type Theme } from './theme.js';

export type Scale = ScaleContinuousNumeric<number, number>;

export function timeScale({ from, to }: Window, box: Box): Scale {
  return scaleLinear().domain([from, to]).range([box.left, box.right]);
}

const LABEL_ROOM = 62;

/** Lines at hours, days or weeks, with labels under the box. */
export function drawTimeAxis(context: Context, window: Window, box: Box, theme: Theme, over = false): void {
  const x = timeScale(window, box);
  let free = -Infinity;
  for (const { time, label, strong } of ticksOf(window, (box.right - box.left) / LABEL_ROOM)) {
    const at = x(time);
    context.globalAlpha = over ? (strong ? 0.75 : 0.35) : strong ? 1 : 0.55;
    straightLine(context, at, box.top, at, box.bottom + (strong ? 5 : 3), over && strong ? theme.panel : theme.line, strong && over ? 1.5 : 1);
    context.globalAlpha = 1;
    free = labelUnder(context, label, at, box, theme, free);
  }
}

/** Lines with labels left of the box. */
export function drawSideAxis(context: Context, y: Scale, box: Box, theme: Theme, ticks: number[], words: (v: number) => string = String): void {
  for (const tick of ticks) {
    const at = y(tick);
    context.globalAlpha = tick === 0 ? 1 : 0.6;
    straightLine(context, box.left, at, box.right, at, theme.line);
    context.globalAlpha = 1;
    textAt(context, words(tick), box.left - 6, at, 'right', theme.soft, SMALL_FONT);
  }
}

/** Lines with labels under the box, as far as these leave one another room. */
export function drawBottomAxis(context: Context, x: Scale, box: Box, theme: Theme, ticks: number[], words: (v: number) => string = String): void {
  let free = -Infinity;
  for (const tick of ticks) {
    const at = x(tick);
    context.globalAlpha = 0.6;
    straightLine(context, at, box.top, at, box.bottom + 3, theme.line);
    context.globalAlpha = 1;
    free = labelUnder(context, words(tick), at, box, theme, free);
  }
}

/** A label in the middle under `at`, inside of the picture, unless it would touch the last one. Returns where the next may begin. */
function labelUnder(context: Context, label: string, at: number, box: Box, theme: Theme, free: number): number {
  context.font = SMALL_FONT;
  const half = context.measureText(label).width / 2;
  const middle = Math.min(Math.max(at, box.left + half - 8), box.right - half + 8);
  if (middle - half < free) return free;
  textAt(context, label, middle, box.bottom + 13, 'center', theme.soft, SMALL_FONT);
  return middle + half + 6;
}

/** A name in the corner over the box, where no axis label is. */
export function drawAxisName(context: Context, name: string, box: Box, theme: Theme): void {
  textAt(context, name, box.left, box.top - 9, 'left', theme.soft, SMALL_FONT);
}

/** Where the time is in a window. */
export function timeCursor(time: number, window: Window, box: Box): Cursor | undefined {
  if (time < window.from || time > window.to) return undefined;
  return { x: timeScale(window, box)(time), top: box.top, bottom: box.bottom + 3 };
}

/** The cursor where it cannot be an element: in files. */
export function drawCursor(context: Context, { x, top, bottom }: Cursor, theme: Theme): void {
  straightLine(context, x, top, x, bottom, theme.panel, 4);
  straightLine(context, x, top, x, bottom, theme.now, 2);
  context.fillStyle = theme.now;
  context.beginPath();
  context.arc(x, top, 4, 0, 2 * Math.PI);
  context.fill();
}
