/* tokens.ts: one pair of three tokens with the same content, as points turned by their times: what rotation does to a match. */
import { textAt, type Context, type Picture, type Size } from './picture.js';
import { FONT, SMALL_FONT, type Theme } from './theme.js';

export interface Token {
  name: string;
  when: string;
  /** radians: how far the pair is turned, against the query */
  turned: number;
  /** κ of the whole token against the query, learned and ordinal */
  match: number;
  ordinalMatch: number;
}

export interface TokensScene {
  pair: number;
  tokens: Token[];
}

const CONTENT = 0.6; // radians: where the content's point is before it is turned; any would do
const FULL = 2 * Math.PI;
const TEXT = 78;

export const tokensPicture: Picture<TokensScene> = {
  reserve: 228,
  height: (width, { tokens }) => Math.min(150, width / tokens.length) + TEXT,

  draw(context: Context, { tokens }: TokensScene, { width }: Size, theme: Theme): void {
    const cell = width / tokens.length;
    const radius = Math.min(150, cell) * 0.4;
    tokens.forEach(({ name, when, turned, match, ordinalMatch }, i) => {
      const x = (i + 0.5) * cell;
      const y = 20 + radius + 4;
      textAt(context, name, x, 9, 'center', theme.ink, FONT);
      context.strokeStyle = theme.line;
      context.fillStyle = theme.panel;
      context.lineWidth = 1;
      context.beginPath();
      context.arc(x, y, radius, 0, FULL);
      context.fill();
      context.stroke();
      // from where the content was to where the time turned it
      context.strokeStyle = theme.learned;
      context.globalAlpha = 0.3;
      context.lineWidth = 6;
      context.beginPath();
      context.arc(x, y, radius * 0.55, -CONTENT, -CONTENT - turned, turned > 0);
      context.stroke();
      context.globalAlpha = 1;
      const point = (angle: number, colour: string, hollow: boolean): void => {
        context.strokeStyle = colour;
        context.fillStyle = hollow ? theme.panel : colour;
        context.lineWidth = 2;
        context.setLineDash(hollow ? [2, 3] : []);
        context.beginPath();
        context.moveTo(x, y);
        context.lineTo(x + radius * Math.cos(angle), y - radius * Math.sin(angle));
        context.stroke();
        context.setLineDash([]);
        context.beginPath();
        context.arc(x + radius * Math.cos(angle), y - radius * Math.sin(angle), 5, 0, FULL);
        context.fill();
        context.stroke();
      };
      point(CONTENT, theme.soft, true);
      point(CONTENT + turned, theme.learned, false);
      textAt(context, when, x, y + radius + 16, 'center', theme.soft, SMALL_FONT);
      textAt(context, i === 0 ? 'the one that looks' : `match ${match.toFixed(2)}`.replace('-', '−'), x, y + radius + 33, 'center', theme.learned, FONT.replace('12px', 'bold 12px'));
      if (i > 0) textAt(context, `fixed RoPE ${ordinalMatch.toFixed(2)}`.replace('-', '−'), x, y + radius + 49, 'center', theme.soft, SMALL_FONT);
    });
  },
};
