/* export.ts: pictures and numbers as files. PNG: the same drawing, twice as fine; SVG: the same drawing on svgcanvas, which
 * is fetched when it is first wanted; CSV as RFC 4180 says. */
import { drawCursor } from './axes.js';
import type { Picture, Size, Table } from './picture.js';
import type { Theme } from './theme.js';

const PNG_SCALE = 2;

export function csvOf({ head, rows }: Table): string {
  const cell = (value: string | number): string => {
    const text = String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [head, ...rows].map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n';
}

export interface Shown<S, O> {
  picture: Picture<S, O>;
  scene: S;
  over: O | undefined;
  size: Size;
  theme: Theme;
}

function drawAll<S, O>(context: CanvasRenderingContext2D, { picture, scene, over, size, theme }: Shown<S, O>): void {
  context.fillStyle = theme.panel;
  context.fillRect(0, 0, size.width, size.height);
  picture.draw(context, scene, size, theme);
  if (over === undefined) return;
  picture.drawOver?.(context, over, size, theme, scene);
  const cursor = picture.cursor?.(over, size, scene);
  if (cursor) drawCursor(context, cursor, theme);
}

export async function svgOf<S, O>(shown: Shown<S, O>): Promise<string> {
  const { Context } = await import('svgcanvas');
  const context = new Context(shown.size.width, shown.size.height);
  drawAll(context as unknown as CanvasRenderingContext2D, shown);
  return context.getSerializedSvg(true).replaceAll('<image ', '<image style="image-rendering:pixelated" '); // one pixel a number: rows do not run together
}

export function pngOf<S, O>(shown: Shown<S, O>): Promise<Blob> {
  const canvas = document.createElement('canvas');
  canvas.width = shown.size.width * PNG_SCALE;
  canvas.height = shown.size.height * PNG_SCALE;
  const context = canvas.getContext('2d')!;
  context.scale(PNG_SCALE, PNG_SCALE);
  drawAll(context, shown);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the picture is too large for this browser'))), 'image/png');
  });
}

export function download(content: Blob | string, name: string, type: string): void {
  const url = URL.createObjectURL(typeof content === 'string' ? new Blob([content], { type }) : content);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
