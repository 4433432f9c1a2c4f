/* time.ts: the window of time that is on screen, and how times are said. Unix milliseconds, UTC throughout: the bundled models'
 * clocks are UTC. */

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const WEEK = 7 * DAY;
/** A Monday at midnight, from which weeks are counted. */
const A_MONDAY = Date.UTC(2024, 0, 1);

/** How much time is on screen. */
export const SPANS = {
  hour: { label: '1 hour', ms: HOUR, align: HOUR },
  day: { label: '1 day', ms: DAY, align: DAY },
  week: { label: '1 week', ms: WEEK, align: WEEK },
  month: { label: '4 weeks', ms: 4 * WEEK, align: WEEK },
  season: { label: '12 weeks', ms: 12 * WEEK, align: WEEK },
} as const;
export type Span = keyof typeof SPANS;
export const SPAN_NAMES = Object.keys(SPANS) as Span[];

export interface Window {
  from: number;
  to: number;
}

/** The window of that span that holds `time`: hours, days and weeks begin where the clock's do; longer ones stand around it. */
export function windowAround(time: number, span: Span): Window {
  const { ms, align } = SPANS[span];
  const begin = (t: number): number => A_MONDAY + Math.floor((t - A_MONDAY) / align) * align;
  const from = begin(time) - Math.floor((ms / align - 1) / 2) * align;
  return { from, to: from + ms };
}

/** n times at equal steps, the first at the window's beginning. */
export function timesOf({ from, to }: Window, n: number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => from + ((to - from) * i) / n);
}

const words = (options: Intl.DateTimeFormatOptions): ((time: number) => string) => {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', ...options });
  return (time) => format.format(time);
};
/** "Wed 31 Jan 2024, 08:30" */
const dateWords = words({ weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });
export const clockWords = words({ hour: '2-digit', minute: '2-digit' });
export const dayWords = words({ weekday: 'short', day: 'numeric', month: 'short' });
export const weekdayWords = words({ weekday: 'short' });
export const timeWords = (time: number): string => `${dateWords(time)}, ${clockWords(time)}`;

/** "3 days 4 h", "25 min". */
export function durationWords(ms: number): string {
  const size = Math.abs(ms);
  if (size < HOUR) return `${Math.round(size / MINUTE)} min`;
  if (size < 2 * DAY) return `${trim(size / HOUR)} h`;
  if (size < 2 * WEEK) return `${trim(size / DAY)} days`;
  return `${trim(size / WEEK)} weeks`;
}
const trim = (v: number): string => String(Math.round(v * 10) / 10);

/** Ticks of a time axis: where, what is written there, and whether a new day or week begins. */
export function ticksOf({ from, to }: Window, room: number): { time: number; label: string; strong: boolean }[] {
  const wanted = Math.max(2, room);
  const steps = [5 * MINUTE, 10 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, WEEK, 2 * WEEK, 4 * WEEK];
  const step = steps.find((s) => (to - from) / s <= wanted) ?? steps.at(-1)!;
  const first = A_MONDAY + Math.ceil((from - A_MONDAY) / step) * step;
  const ticks = [];
  for (let time = first; time <= to; time += step) {
    const isMidnight = (time - A_MONDAY) % DAY === 0;
    const label = step >= DAY ? (step >= WEEK || wanted < 8 ? dayWords(time) : weekdayWords(time)) : isMidnight && to - from > DAY ? weekdayWords(time) : clockWords(time);
    ticks.push({ time, label, strong: to - from <= WEEK ? isMidnight : (time - A_MONDAY) % WEEK === 0 });
  }
  return ticks;
}
