/* dials.ts: a unit circle for every rotation pair. Angles grow anticlockwise from the right, as in a textbook. */
import { degrees, wrapAngle } from '../maths/rotation.js';
import { straightLine, textAt, type Context, type Picture, type Size } from './picture.js';
import { FONT, SMALL_FONT, type Theme } from './theme.js';

export interface DialsScene {
  pairs: number;
  chosen: readonly number[];
  /** (n·P): where the learned hand goes in the window, for its track; undefined until it is known */
  track: Float64Array | undefined;
}

export interface DialsOver {
  pairs: number;
  /** (P) each */
  learned: Float64Array;
  ordinal: Float64Array;
  frozen: Float64Array;
  unwrapped: boolean;
}

interface Grid {
  columns: number;
  cell: number;
  height: number;
}

/** Under a dial: its name, and where there is room the angle in numbers. */
const hasNumbers = (pairs: number): boolean => pairs <= 32;
export const labelHeight = (pairs: number): number => (hasNumbers(pairs) ? 36 : 20);

/** Cells of the same size, as large as the width allows within bounds. */
export function dialGrid(pairs: number, width: number): Grid {
  const least = pairs <= 8 ? 68 : pairs <= 32 ? 66 : 58; // four columns on the narrowest phone
  const fit = Math.max(1, Math.floor(width / least));
  const columns = Math.min(pairs, pairs > fit ? evenColumns(pairs, fit) : fit);
  const cell = Math.min(156, width / columns);
  return { columns, cell, height: Math.ceil(pairs / columns) * (cell + labelHeight(pairs)) };
}

/** The most columns that fit and leave the last row full, where there are such. */
function evenColumns(pairs: number, fit: number): number {
  for (let columns = fit; columns > fit / 2; columns--) if (pairs % columns === 0) return columns;
  return fit;
}

function eachDial(pairs: number, width: number, use: (pair: number, x: number, y: number, radius: number) => void): void {
  const { columns, cell } = dialGrid(pairs, width);
  const indent = (width - columns * cell) / 2;
  for (let j = 0; j < pairs; j++)
    use(j, indent + ((j % columns) + 0.5) * cell, Math.floor(j / columns) * (cell + labelHeight(pairs)) + cell / 2, cell * 0.42);
}

const FULL = 2 * Math.PI;

function drawTrack(context: Context, track: Float64Array, pairs: number, pair: number, x: number, y: number, radius: number, theme: Theme): void {
  context.strokeStyle = theme.learned;
  context.globalAlpha = 0.28;
  context.lineWidth = 4;
  context.beginPath();
  // From one time to the next the hand swings along the circle; together that is where it can be in this window.
  let least = Infinity;
  let most = -Infinity;
  for (let at = pair; at < track.length; at += pairs) {
    least = Math.min(least, track[at]!);
    most = Math.max(most, track[at]!);
  }
  const whole = most - least >= FULL;
  context.arc(x, y, radius * 0.8, whole ? 0 : -most, whole ? FULL : -least + 1e-3);
  context.stroke();
  context.globalAlpha = 1;
}

interface Hand {
  angles: Float64Array;
  length: number;
  colour: string;
  width: number;
  dash: readonly number[];
}

/** One hand of all dials: one line and one filling, however many there are. */
function drawHands(context: Context, width: number, { angles, length, colour, width: thick, dash }: Hand): void {
  const eachTip = (use: (x: number, y: number, tipX: number, tipY: number) => void): void =>
    eachDial(angles.length, width, (j, x, y, radius) => {
      use(x, y, x + Math.cos(angles[j]!) * radius * length, y - Math.sin(angles[j]!) * radius * length);
    });
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = thick;
  context.setLineDash([...dash]);
  context.beginPath();
  eachTip((x, y, tipX, tipY) => {
    context.moveTo(x, y);
    context.lineTo(tipX, tipY);
  });
  context.stroke();
  context.setLineDash([]);
  context.beginPath();
  eachTip((_x, _y, tipX, tipY) => {
    context.moveTo(tipX + thick + 0.6, tipY);
    context.arc(tipX, tipY, thick + 0.6, 0, FULL);
  });
  context.fill();
}

/** From 0 to the angle, a turn a little nearer to the middle each time. */
function drawSpiral(context: Context, angle: number, x: number, y: number, radius: number, colour: string): void {
  const turns = Math.abs(angle) / FULL;
  const shown = Math.min(turns, 40);
  const steps = Math.max(2, Math.ceil(shown * 28));
  context.strokeStyle = colour;
  context.lineWidth = 1.6;
  context.beginPath();
  for (let i = 0; i <= steps; i++) {
    const part = i / steps;
    const a = Math.sign(angle) * part * shown * FULL;
    const r = radius * (0.2 + 0.6 * part); // ends where the hand does
    const px = x + r * Math.cos(a);
    const py = y - r * Math.sin(a);
    if (i === 0) context.moveTo(px, py);
    else context.lineTo(px, py);
  }
  context.stroke();
}

export const HAND_STYLES = [
  { name: 'learned', words: 'learned rotation', width: 3, dash: [] },
  { name: 'fixed', words: 'fixed RoPE', width: 1.8, dash: [5, 3] },
  { name: 'frozen', words: 'time part frozen', width: 1.8, dash: [2, 3] },
] as const;

export const dialsPicture: Picture<DialsScene, DialsOver> = {
  height: (width, { pairs }) => dialGrid(pairs, width).height,
  reserve: 150,

  draw(context: Context, { pairs, chosen, track }: DialsScene, { width }: Size, theme: Theme): void {
    eachDial(pairs, width, (j, x, y, radius) => {
      context.fillStyle = theme.panel;
      context.strokeStyle = theme.line;
      context.lineWidth = 1;
      context.beginPath();
      context.arc(x, y, radius, 0, FULL);
      context.fill();
      context.stroke();
      straightLine(context, x - radius, y, x + radius, y, theme.line, 0.6);
      straightLine(context, x, y - radius, x, y + radius, theme.line, 0.6);
      if (track) drawTrack(context, track, pairs, j, x, y, radius, theme);
      const series = chosen.indexOf(j);
      if (series >= 0) {
        context.strokeStyle = theme.series[series]!;
        context.lineWidth = 2;
        context.beginPath();
        context.arc(x, y, radius + 1.5, 0, FULL);
        context.stroke();
      }
      textAt(context, pairs > 32 ? String(j) : `pair ${j}`, x, y + radius + 12, 'center', theme.soft, pairs > 32 ? SMALL_FONT : FONT);
    });
  },

  drawOver(context: Context, { pairs, learned, ordinal, frozen, unwrapped }: DialsOver, { width }: Size, theme: Theme): void {
    if (unwrapped) eachDial(pairs, width, (j, x, y, radius) => drawSpiral(context, learned[j]!, x, y, radius, theme.learned));
    drawHands(context, width, { angles: ordinal, length: 0.92, colour: theme.fixed, width: 1.8, dash: HAND_STYLES[1].dash });
    drawHands(context, width, { angles: frozen, length: 0.66, colour: theme.frozen, width: 1.8, dash: HAND_STYLES[2].dash });
    drawHands(context, width, { angles: learned, length: 0.8, colour: theme.learned, width: 3, dash: [] });
    if (!hasNumbers(pairs)) return;
    eachDial(pairs, width, (j, x, y, radius) => {
      const words = unwrapped ? `${(learned[j]! / FULL).toFixed(2)} turns` : `${Math.round(degrees(wrapAngle(learned[j]!)))}°`;
      textAt(context, words.replace('-', '−'), x, y + radius + 28, 'center', theme.learned, SMALL_FONT);
    });
  },
};
