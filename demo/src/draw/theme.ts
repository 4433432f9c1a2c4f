/* theme.ts: colours of pictures, read from the page's style so that light and dark are said once (style.css). */
import { signal } from '@preact/signals';

export interface Theme {
  ink: string;
  soft: string;
  line: string;
  panel: string;
  learned: string;
  fixed: string;
  frozen: string;
  now: string;
  /** Lines that are told apart by colour and by dash (Okabe and Ito's colours). */
  series: string[];
}

const read = (): Theme => {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: of('ink'), soft: of('soft'), line: of('line'), panel: of('panel'),
    learned: of('learned'), fixed: of('fixed'), frozen: of('frozen'), now: of('now'),
    series: Array.from({ length: 8 }, (_, i) => of(`series-${i}`)),
  };
};

export const theme = signal(read());
// WebKit may run this before the style sheet has come: then the colours are read again once everything has.
if (document.readyState !== 'complete')
  addEventListener('load', () => {
    theme.value = read();
  });
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  theme.value = read();
});

export const DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 3], [9, 3, 2, 3], [], [6, 3], [2, 3], [9, 3, 2, 3]];
export const FONT = '12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif';
export const SMALL_FONT = FONT.replace('12px', '11px');
