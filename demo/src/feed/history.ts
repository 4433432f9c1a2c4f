/* history.ts: a person's history with what the reader did to it: moved, liked, removed. Edits name events by their place in the
 * history as it was, so an address means the same for everybody. */
import type { HistoryEvent } from 'siren-rope';
import { DAY, MINUTE } from '../maths/time.js';
import type { Edit } from '../state/state.js';
import type { Days, Deed } from '../draw/calendar_layout.js';
import type { FeedEvent, FeedFile, Person, Values, Words } from './data.js';

export interface EditedEvent extends Words {
  /** Place in the history as it was. */
  index: number;
  /** Unix milliseconds */
  time: number;
  deed: Deed;
  edit: Edit;
  event: HistoryEvent;
}

export const NO_EDIT: Edit = { moved: 0, liked: false, removed: false };
const isNone = ({ moved, liked, removed }: Edit): boolean => moved === 0 && !liked && !removed;

export function daysOf({ history }: Person, asked: number): Days {
  const times = history.map(({ time }) => time);
  const from = Math.floor(Math.min(asked, ...times) / DAY) * DAY;
  return { from, count: Math.floor((Math.max(asked, ...times) - from) / DAY) + 1 };
}

/** In the history's own order. */
export function editedEvents(person: Person, edits: ReadonlyMap<number, Edit>, likes: FeedFile['likes'], days: Days): EditedEvent[] {
  return person.history.map((one, index) => {
    const edit = edits.get(index) ?? NO_EDIT;
    const time = within(one.time + edit.moved * MINUTE, days);
    const action = edit.liked ? turned(one, likes) : (one.event.action as Values);
    return { index, time, title: one.title, topic: one.topic, deed: deedOf(action, likes), edit, event: { ...one.event, time, action } };
  });
}

function within(time: number, { from, count }: Days): number {
  return Math.min(from + count * DAY - MINUTE, Math.max(from, time));
}

const isLiked = (action: Values, likes: FeedFile['likes']): boolean => Number(action[likes[0]!] ?? 0) > 0;

/** Its like turned round. */
function turned({ event }: FeedEvent, likes: FeedFile['likes']): Values {
  const action = event.action as Values;
  const value = isLiked(action, likes) ? 0 : 1;
  const out = (Array.isArray(action) ? [...action] : { ...action }) as Values;
  for (const name of likes) out[name] = value;
  return out;
}

/** Opened: not liked, but the first thing that can be done, a click say, was done. */
function deedOf(action: Values, likes: FeedFile['likes']): Deed {
  if (isLiked(action, likes)) return 'liked';
  const first = Object.keys(action)[0];
  return first !== undefined && Number(action[first]) > 0 ? 'opened' : 'skipped';
}

/** What the package is given: what is left, oldest first; of equal times the first stays first. */
export function keptInOrder(events: readonly EditedEvent[]): EditedEvent[] {
  return events.filter(({ edit }) => !edit.removed).sort((a, b) => a.time - b.time || a.index - b.index);
}

/** The edits with one of them changed; what says nothing is left out. */
export function withEdit(edits: ReadonlyMap<number, Edit>, index: number, patch: Partial<Edit>): ReadonlyMap<number, Edit> {
  const out = new Map(edits);
  const edit = { ...(edits.get(index) ?? NO_EDIT), ...patch };
  if (isNone(edit)) out.delete(index);
  else out.set(index, edit);
  return out;
}

/** The minutes by which an event has to be moved to be at `time`, or at the end of the days that there are. */
export function movedTo(person: Person, index: number, time: number, days: Days): number {
  return Math.round((within(time, days) - person.history[index]!.time) / MINUTE);
}
