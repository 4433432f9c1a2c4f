/* feed_history.tsx: the history as a calendar whose events are sliders: dragged or stepped in time, liked, removed, put back. One
 * stop of the Tab key for all of them: left and right move an event in time, as every slider, up and down go to another one. */
import { useSignal } from '@preact/signals';
import { calendarPicture } from '../draw/calendar.js';
import type { Table } from '../draw/picture.js';
import { MARK, calendarLayout, timeAt, type CalendarScene } from '../draw/calendar_layout.js';
import type { EditedEvent } from '../feed/history.js';
import { asked, days, events, explained, firstThree, isFresh, lifted, moveEvent, person, selected, toggleEvent } from '../feed/ranking.js';
import { signed } from '../feed/reasons.js';
import { DAY, HOUR, MINUTE, clockWords, dayWords, timeWords } from '../maths/time.js';
import { time } from '../state/model.js';
import { set, state } from '../state/store.js';
import { Figure } from './figure.js';
import { followPointer } from './pointer.js';
import { feedFormula } from './formulas.js';

const KEY_STEP = 30 * MINUTE;
const DRAG_STEP = 5 * MINUTE;
const DRAG_FROM = 4; // pixels: less is a press

const unread = (event: EditedEvent): boolean => {
  const feed = asked.value;
  return feed !== undefined && !event.edit.removed && feed.sent.length - feed.sent.findIndex(({ index }) => index === event.index) > feed.maxHistory;
};

const calendarScene = (): CalendarScene | undefined => {
  const [all, span] = [events.value, days.value];
  if (!all || !span) return undefined;
  return {
    days: span,
    lifted: lifted.value,
    events: all.map((event) => ({
      index: event.index, time: event.time, deed: event.deed, removed: event.edit.removed, changed: event.edit.moved !== 0 || event.edit.liked, unread: unread(event),
    })),
  };
};

function calendarTable(): Table {
  const why = isFresh.peek() ? explained.peek() : undefined;
  const names = why ? (person.peek()?.candidates ?? []) : []; // no influences while the time moves
  return {
    head: ['event', 'title', 'time (UTC)', 'what was done', 'moved (min)', 'like turned', 'removed', ...names.map(({ title }) => `influence on ${title}`)],
    rows: (events.peek() ?? []).map(({ index, title, time: at, deed, edit }) => {
      const place = why?.feed.sent.findIndex((sent) => sent.index === index) ?? -1;
      const influences = names.map((_, item) => (place < 0 ? '' : why!.items[item]!.influence[place]!));
      return [index, title, new Date(at).toISOString(), deed, edit.moved, edit.liked ? 'yes' : 'no', edit.removed ? 'yes' : 'no', ...influences];
    }),
  };
}

/* ---------------------------------------------------------------- keyboard and pointer */

const handleOf = (index: number): HTMLElement | null => document.getElementById(`event-${index}`);

/** In the order of time, removed ones as well. */
const inOrder = (): EditedEvent[] => (events.peek() ?? []).toSorted((a, b) => a.time - b.time || a.index - b.index);

function focusBy(index: number, by: number): void {
  const order = inOrder();
  const at = order.findIndex((event) => event.index === index) + by;
  handleOf(order[Math.min(order.length - 1, Math.max(0, at))]!.index)?.focus();
}

/** The focus that closing a panel gives back to its event does not open it again. */
let closing = false;

function closePanel(index: number): void {
  closing = true;
  handleOf(index)?.focus({ preventScroll: true });
  closing = false;
  selected.value = undefined;
}

function onKeyDown(event: KeyboardEvent, { index, time: at }: EditedEvent): void {
  const moves: Record<string, number> = { ArrowLeft: -KEY_STEP, ArrowRight: KEY_STEP, PageDown: -DAY, PageUp: DAY };
  const jumps: Record<string, number> = { ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity };
  const { key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (key in moves) moveEvent(index, at + moves[key]!);
  else if (key in jumps) focusBy(index, jumps[key]!);
  else if (key === 'Enter' || key.toLowerCase() === 'l') toggleEvent(index, 'liked');
  else if (key === 'Delete' || key === 'Backspace') toggleEvent(index, 'removed');
  else if (key === 'Escape') selected.value = undefined;
  else return;
  event.preventDefault();
}

/** A press selects; a drag moves, across hours and days. The mark keeps its place under the finger. */
function onPointerDown(event: PointerEvent, { index }: EditedEvent, scene: CalendarScene, width: number): void {
  if (event.button !== 0) return;
  const handle = event.currentTarget as HTMLElement;
  const frame = handle.closest('.frame')!;
  const begun = { x: event.clientX, y: event.clientY };
  let still: { scene: CalendarScene; held: { x: number; y: number } } | undefined;
  selected.value = index;
  const follow = ({ clientX, clientY }: PointerEvent): void => {
    if (!still && Math.hypot(clientX - begun.x, clientY - begun.y) < DRAG_FROM) return;
    if (!still) {
      const box = frame.getBoundingClientRect();
      const lifting = { ...scene, lifted: index };
      const mark = calendarLayout(lifting, width).at.get(index)!; // its row may be lower now, without it
      still = { scene: lifting, held: { x: begun.x - box.left - mark.x, y: begun.y - box.top - mark.y } };
      lifted.value = index;
    }
    // the frame may have been scrolled; rows are those without the lifted event, so that they stay while it passes
    const box = frame.getBoundingClientRect();
    const to = timeAt(still.scene, calendarLayout(still.scene, width), clientX - box.left - still.held.x, clientY - box.top - still.held.y);
    moveEvent(index, Math.round(to / DRAG_STEP) * DRAG_STEP);
  };
  followPointer(event, handle, follow, () => {
    lifted.value = undefined;
  });
}

/* ---------------------------------------------------------------- elements */

const deedWords = (event: EditedEvent): string => `${event.edit.removed ? 'removed, was ' : ''}${event.deed}${unread(event) ? ', too old to be read' : ''}`;

function Handles({ scene, width }: { scene: CalendarScene; width: number }) {
  const all = events.value ?? [];
  const { at } = calendarLayout(scene, width);
  const { from, count } = scene.days;
  const minutes = (t: number): number => Math.round((t - from) / MINUTE);
  const stop = selected.value ?? all.at(-1)?.index; // where the Tab key comes in
  return (
    <div class="events" role="group" aria-label="Events of the history" aria-describedby="feed-history-help">
      {all.map((event) => {
        const place = at.get(event.index);
        if (!place) return null; // of another person's history, until the next frame
        return (
          <div
            key={event.index}
            id={`event-${event.index}`}
            class={`event ${selected.value === event.index ? 'selected' : ''}`}
            style={{ left: `${place.x - MARK / 2}px`, top: `${place.y - MARK / 2}px` }}
            role="slider"
            tabIndex={event.index === stop ? 0 : -1}
            aria-label={event.title}
            aria-orientation="horizontal"
            aria-valuemin={0}
            aria-valuemax={minutes(from + count * DAY)}
            aria-valuenow={minutes(event.time)}
            aria-valuetext={`${timeWords(event.time)}, ${deedWords(event)}`}
            onFocus={() => !closing && (selected.value = event.index)}
            onKeyDown={(key) => onKeyDown(key, event)}
            onPointerDown={(pointer) => onPointerDown(pointer, event, scene, width)}
          />
        );
      })}
    </div>
  );
}

/** Whom the event lifts and holds down most, from the last explanation. */
function Consequence({ index }: { index: number }) {
  const why = isFresh.value ? explained.value : undefined;
  const place = why?.feed.sent.findIndex((sent) => sent.index === index) ?? -1;
  const names = person.value?.candidates ?? [];
  const lines: string[] = [];
  if (why && place >= 0 && names.length === why.items.length) {
    const sorted = why.items.map(({ influence }, item) => ({ title: names[item]!.title, by: influence[place]! })).sort((a, b) => b.by - a.by);
    const [most, least] = [sorted[0]!, sorted.at(-1)!];
    if (most.by >= 0.0005) lines.push(`lifts “${most.title}” most (${signed(most.by)})`);
    if (least.by <= -0.0005) lines.push(`holds down “${least.title}” most (${signed(least.by)})`);
  }
  const first = firstThree.value.split('\n')[0];
  return <p class="soft">{lines.length > 0 && <>It {lines.join('; ')}. </>}{first && <>First now: “{first}”.</>}</p>;
}

function Panel({ event }: { event: EditedEvent }) {
  const { index, title, time: at, edit, deed } = event;
  const move = (ms: number, words: string, meaning: string) => <button type="button" aria-label={`${words}: ${meaning}`} onClick={() => moveEvent(index, at + ms)}>{words}</button>;
  return (
    <div class="event-panel" role="group" aria-label={`Event: ${title}`} onKeyDown={(key) => key.key === 'Escape' && closePanel(index)}>
      <p><b>{title}</b> · {deedWords(event)} · <span class="when">{dayWords(at)}, {clockWords(at)}</span>{at > time.value && <> · later than the time of asking</>}</p>
      <div class="tools">
        <button type="button" aria-pressed={deed === 'liked'} onClick={() => toggleEvent(index, 'liked')}>{deed === 'liked' ? 'Unlike' : 'Like'}</button>
        <button type="button" onClick={() => toggleEvent(index, 'removed')}>{edit.removed ? 'Put back' : 'Remove'}</button>
        {move(-HOUR, '−1 h', 'an hour earlier')}{move(HOUR, '+1 h', 'an hour later')}{move(-DAY, '−1 day', 'a day earlier')}{move(DAY, '+1 day', 'a day later')}
        <button type="button" class="close" aria-label="Close" onClick={() => closePanel(index)}>×</button>
      </div>
      <Consequence index={index} />
    </div>
  );
}

const KINDS = [
  { deed: 'liked', mark: <circle r="6" fill="var(--learned)" stroke="var(--learned)" /> },
  { deed: 'opened', mark: <><circle r="6" fill="none" stroke="var(--learned)" /><circle r="2.4" fill="var(--learned)" /></> },
  { deed: 'skipped', mark: <circle r="6" fill="none" stroke="var(--fixed)" /> },
  { deed: 'removed', mark: <><circle r="6" fill="none" stroke="var(--soft)" stroke-dasharray="2 2" /><path d="M-3-3L3 3M-3 3L3-3" stroke="var(--soft)" /></> },
  { deed: 'changed by you', mark: <><circle r="7.4" fill="none" stroke="var(--now)" /><circle r="4.4" fill="none" stroke="var(--learned)" /></> },
];

function Marks() {
  return (
    <ul class="legend" aria-label="Marks">
      {KINDS.map(({ deed, mark }) => (
        <li key={deed}><svg width="18" height="18" viewBox="-9 -9 18 18" stroke-width="1.8" aria-hidden="true">{mark}</svg>{deed}</li>
      ))}
    </ul>
  );
}

export function FeedHistory() {
  const help = useSignal(false);
  const chosen = events.value?.find(({ index }) => index === selected.value);
  const n = state.edits.value.size;
  return (
    <div class="history">
      <Figure<CalendarScene, number>
        id="feed-history"
        title="The history it is ranked by"
        picture={calendarPicture}
        scene={calendarScene}
        over={() => time.value}
        formula={feedFormula}
        label={({ events: all, days: span }) => `Calendar of ${all.length} events on ${span.count} days by the hour, ${all.filter(({ deed }) => deed === 'liked').length} liked, ${all.filter(({ removed }) => removed).length} removed`}
        table={calendarTable}
        layer={(scene, width) => <Handles scene={scene} width={width} />}
        empty="Fetching the feed…"
      >
        <p id="feed-history-help">
          A row is a day, the hour goes to the right; the line is the hour of asking. Drag an event to another hour or day, or press it for more.{' '}
          <button type="button" class="quiet inline" aria-expanded={help.value} onClick={() => (help.value = !help.value)}>Keys</button>
          {help.value && <> Left and right: 30 minutes. Page Up and Down: a day. Up and down, Home, End: another event. L or Enter: like. Delete: remove or put back.</>}
        </p>
        <Marks />
        <p class="edits">
          <span>{n === 0 ? 'Nothing is changed.' : `${n} ${n === 1 ? 'event is' : 'events are'} changed.`}</span>
          <button type="button" disabled={n === 0} onClick={() => set({ edits: new Map() })}>Put all back</button>
        </p>
      </Figure>
      <div class="event-dock">{chosen && <Panel event={chosen} />}</div>
    </div>
  );
}
