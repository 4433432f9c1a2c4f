/* calendar_layout.ts: where events are in a calendar of days by hours: a row for a day, the hour to the right. Events of nearly the same
 * time stand under one another, in lanes; days with many are higher. */
import { DAY, HOUR } from '../maths/time.js';

/** What somebody did with an event. */
export type Deed = 'liked' | 'opened' | 'skipped';

/** Whole days, from the first event's to the last event's or the first asked time's. */
export interface Days {
  /** Unix milliseconds: a midnight. */
  from: number;
  count: number;
}

export interface CalendarEvent {
  index: number;
  time: number;
  deed: Deed;
  removed: boolean;
  /** The reader changed something about it. */
  changed: boolean;
  /** Older than what the model reads. */
  unread: boolean;
}

export interface CalendarScene {
  days: Days;
  events: CalendarEvent[];
  /** The one that is being dragged: it lies over the others. */
  lifted: number | undefined;
}

export interface CalendarLayout {
  left: number;
  right: number;
  /** Of rows; one more than days. */
  tops: number[];
  height: number;
  /** By index: the middle of its mark. */
  at: Map<number, { x: number; y: number }>;
}

const LEFT = 52;
const RIGHT = 14;
const TOP = 26;
const BOTTOM = 6;
/** A mark with room to touch it. */
export const MARK = 24;
const LANE = MARK; // marks of one hour do not cover one another
const EMPTY_ROW = 17;

const dayOf = ({ from }: Days, time: number): number => Math.floor((time - from) / DAY);

function layoutOf({ days, events, lifted }: CalendarScene, width: number): CalendarLayout {
  const [left, right] = [LEFT, Math.max(LEFT + 24, width - RIGHT)];
  const xOf = (time: number): number => left + (((time - days.from) % DAY) / DAY) * (right - left);
  const lanes = Array.from({ length: days.count }, (): number[] => []); // of a day: where a lane is free from
  const laneOf = new Map<number, number>();
  for (const { index, time } of events.toSorted((a, b) => a.time - b.time)) {
    if (index === lifted) continue;
    const free = lanes[dayOf(days, time)]!;
    const x = xOf(time);
    const found = free.findIndex((from) => from <= x);
    const lane = found < 0 ? free.length : found;
    free[lane] = x + MARK;
    laneOf.set(index, lane);
  }
  const tops = [TOP];
  for (const free of lanes) tops.push(tops.at(-1)! + Math.max(EMPTY_ROW, free.length * LANE + 4));
  const at = new Map(events.map(({ index, time }) => {
    const day = dayOf(days, time);
    const lane = laneOf.get(index);
    const y = lane === undefined ? (tops[day]! + tops[day + 1]!) / 2 : tops[day]! + 2 + lane * LANE + LANE / 2;
    return [index, { x: xOf(time), y }] as const;
  }));
  return { left, right, tops, height: tops.at(-1)! + BOTTOM, at };
}

const known = new WeakMap<CalendarScene, { width: number; layout: CalendarLayout }>();

/** Asked for in every frame; computed when the scene is another. */
export function calendarLayout(scene: CalendarScene, width: number): CalendarLayout {
  const found = known.get(scene);
  if (found?.width === width) return found.layout;
  const layout = layoutOf(scene, width);
  known.set(scene, { width, layout });
  return layout;
}

/** The time at a point of the calendar, its hour within the day that the point is in. */
export function timeAt({ days }: CalendarScene, { left, right, tops }: CalendarLayout, x: number, y: number): number {
  const row = tops.findIndex((top, i) => i > 0 && y < top) - 1;
  const day = row < 0 ? (y < tops[0]! ? 0 : days.count - 1) : row;
  const part = Math.min(1, Math.max(0, (x - left) / (right - left)));
  return days.from + day * DAY + Math.min(DAY - HOUR / 60, part * DAY);
}
