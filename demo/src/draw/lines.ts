/* lines.ts: lines over time, over steps or over a distance: the picture of most curves here. d3-shape draws them. */
import { scaleLinear, scaleLog, scaleSqrt } from 'd3-scale';
import { line } from 'd3-shape';
import type { Window } from '../maths/time.js';
import { drawAxisName, drawBottomAxis, drawSideAxis, drawTimeAxis, timeCursor, type Scale } from './axes.js';
import { straightLine, textAt, type Box, type Context, type Cursor, type Picture, type Size } from './picture.js';
import { SMALL_FONT, type Theme } from './theme.js';

export interface Series {
  name: string;
  colour: string;
  dash: readonly number[];
  width?: number;
  x: ArrayLike<number>;
  y: ArrayLike<number>;
  /** Points are marked, for few of them. */
  dots?: boolean;
}

export interface LinesScene {
  series: Series[];
  /** Horizontal axis: a window of time, or numbers. */
  x: { window: Window } | { from: number; to: number; name: string; kind?: 'linear' | 'sqrt' | 'log'; words?: (v: number) => string; ticks?: number[] };
  y: { from: number; to: number; name: string; words?: (v: number) => string; ticks?: number[] };
  /** Marked values of x, with their names. */
  marks?: { at: number; name: string }[];
  /** Lines are broken where they jump further than this (wrapped angles). */
  jump?: number;
}

const HEIGHT = 230;
const LEFT = 44;
const TOP = 22;
const BOTTOM = 24;
const NAME = 14; // of a horizontal axis, under its ticks

export function linesBox({ width, height }: Size, { x }: LinesScene): Box {
  return { left: LEFT, top: TOP, right: width - 10, bottom: height - BOTTOM - ('window' in x ? 0 : NAME) };
}

export function xScale(scene: LinesScene, box: Box): Scale {
  const { x } = scene;
  if ('window' in x) return scaleLinear().domain([x.window.from, x.window.to]).range([box.left, box.right]);
  const scale = x.kind === 'sqrt' ? scaleSqrt() : x.kind === 'log' ? scaleLog() : scaleLinear();
  return scale.domain([x.from, x.to]).range([box.left, box.right]);
}

function drawSeries(context: Context, { x, y, colour, dash, width, dots }: Series, sx: Scale, sy: Scale, jump: number): void {
  const n = Math.min(x.length, y.length);
  const path = line<number>()
    .x((i) => sx(x[i]!))
    .y((i) => sy(y[i]!));
  context.strokeStyle = colour;
  context.lineWidth = width ?? 1.8;
  context.lineJoin = 'round';
  context.setLineDash([...dash]);
  let piece: number[] = [];
  const end = (): void => {
    if (piece.length > 1) {
      context.beginPath();
      path.context(context)(piece);
      context.stroke();
    }
    piece = [];
  };
  for (let i = 0; i < n; i++) {
    if (!Number.isFinite(y[i]!)) {
      end();
      continue;
    }
    if (piece.length > 0 && Math.abs(y[i]! - y[piece.at(-1)!]!) > jump) end();
    piece.push(i);
  }
  end();
  context.setLineDash([]);
  if (!dots) return;
  context.fillStyle = colour;
  for (let i = 0; i < n; i++) {
    if (!Number.isFinite(y[i]!)) continue;
    context.beginPath();
    context.arc(sx(x[i]!), sy(y[i]!), 2.6, 0, 2 * Math.PI);
    context.fill();
  }
}

export const linesPicture: Picture<LinesScene, number> = {
  height: () => HEIGHT,
  reserve: HEIGHT,

  draw(context: Context, scene: LinesScene, size: Size, theme: Theme): void {
    const box = linesBox(size, scene);
    const sx = xScale(scene, box);
    const sy = scaleLinear().domain([scene.y.from, scene.y.to]).range([box.bottom, box.top]);
    drawSideAxis(context, sy, box, theme, scene.y.ticks ?? sy.ticks(Math.max(3, Math.round((box.bottom - box.top) / 42))), scene.y.words);
    if ('window' in scene.x) drawTimeAxis(context, scene.x.window, box, theme);
    else drawBottomAxis(context, sx, box, theme, scene.x.ticks ?? sx.ticks(Math.max(2, Math.round((box.right - box.left) / 90))), scene.x.words);
    drawAxisName(context, scene.y.name, box, theme);
    if (!('window' in scene.x)) textAt(context, scene.x.name, box.right, box.bottom + BOTTOM + 2, 'right', theme.soft, SMALL_FONT);
    for (const { at, name } of scene.marks ?? []) {
      const x = sx(at);
      straightLine(context, x, box.top, x, box.bottom, theme.soft, 1, [3, 3]);
      context.font = SMALL_FONT;
      const isLast = x + 4 + context.measureText(name).width > box.right + 8;
      textAt(context, name, isLast ? x - 4 : x + 4, box.top + 7, isLast ? 'right' : 'left', theme.soft, SMALL_FONT);
    }
    context.save();
    context.beginPath();
    context.rect(box.left - 3, box.top - 3, box.right - box.left + 6, box.bottom - box.top + 6);
    context.clip();
    for (const series of scene.series) drawSeries(context, series, sx, sy, scene.jump ?? Infinity);
    context.restore();
  },

  cursor(at: number, size: Size, scene: LinesScene): Cursor | undefined {
    const box = linesBox(size, scene);
    if ('window' in scene.x) return timeCursor(at, scene.x.window, box);
    return at < scene.x.from || at > scene.x.to ? undefined : { x: xScale(scene, box)(at), top: box.top, bottom: box.bottom + 3 };
  },
};

/** The values' range, a little wider, never empty. */
export function rangeOf(lists: ArrayLike<number>[], least = -Infinity, most = Infinity): { from: number; to: number } {
  let from = Infinity;
  let to = -Infinity;
  for (const list of lists)
    for (let i = 0; i < list.length; i++) {
      const v = list[i]!;
      if (!Number.isFinite(v)) continue;
      from = Math.min(from, v);
      to = Math.max(to, v);
    }
  if (from > to) return { from: 0, to: 1 };
  const room = (to - from || Math.abs(to) || 1) * 0.06;
  return { from: Math.max(least, from - room), to: Math.min(most, to + room) };
}
