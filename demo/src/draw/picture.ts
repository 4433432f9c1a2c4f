/* picture.ts: what a picture is: functions that draw a scene on a 2d context, whichever: the screen's, a PNG's or an SVG's. A
 * scene is plain data that was read from signals; drawing reads nothing else. Sizes in CSS pixels. */
import type { Theme } from './theme.js';

export type Context = CanvasRenderingContext2D;

export interface Size {
  width: number;
  height: number;
}

export interface Table {
  head: string[];
  rows: (string | number)[][];
}

export interface Cursor {
  x: number;
  top: number;
  bottom: number;
}

export interface Picture<S, O = undefined> {
  height: (width: number, scene: S) => number;
  /** Height that is kept free until there is a scene, so that nothing moves when it comes. */
  reserve: number;
  draw: (context: Context, scene: S, size: Size, theme: Theme) => void;
  /** What moves with the time, over it: a layer of its own, so that scrubbing draws little. */
  drawOver?: (context: Context, over: O, size: Size, theme: Theme, scene: S) => void;
  /** Or where a mere line stands that moves with the time; undefined: outside. On the page it is an element, not drawn at all. */
  cursor?: (over: O, size: Size, scene: S) => Cursor | undefined;
}

export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export function textAt(context: Context, text: string, x: number, y: number, align: CanvasTextAlign, colour: string, font: string): void {
  context.font = font;
  context.textAlign = align;
  context.textBaseline = 'middle';
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

/** Sharp where the pixel is one wide. */
export function straightLine(context: Context, x1: number, y1: number, x2: number, y2: number, colour: string, width = 1, dash: readonly number[] = []): void {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.setLineDash([...dash]);
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
  context.setLineDash([]);
}
