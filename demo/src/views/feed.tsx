/* feed.tsx: a feed that is ranked anew in every frame, the history that it is ranked by, to be changed, and why each item is
 * where it is. */
import { effect, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { csvOf, download } from '../draw/export.js';
import { linesBox, linesPicture, rangeOf, type LinesScene } from '../draw/lines.js';
import type { Table } from '../draw/picture.js';
import { DASHES, theme } from '../draw/theme.js';
import { RankedList } from '../feed/list.js';
import {
  before, choosePerson, explained, failure, file, firstThree, groundsOf, isEdited, isFresh, listNear, median, near, person, personIndex, ranked, settled, swept, type SweptOver,
} from '../feed/ranking.js';
import { influenceWords, movementWords, strongest, timelessWords } from '../feed/reasons.js';
import { clockWords, timeWords } from '../maths/time.js';
import { firstTime, open, time } from '../state/model.js';
import { set, state } from '../state/store.js';
import { Legend } from './legend.js';
import { scrubIn } from './pointer.js';
import { Choice } from './controls.js';
import { FeedHistory } from './feed_history.js';
import './feed.css';
import { Figure } from './figure.js';
import { feedFormula } from './formulas.js';

const SHOWN_FIRST = 12; // rows, until the reader wants all
const REASONS = 2; // events said of each item
const SAID_EVERY_MS = 250;

/* ---------------------------------------------------------------- whose feed, and when */

function People() {
  const found = file.value;
  const who = person.value;
  if (!found || !who) return null;
  const offset = found.offset === 0 ? '' : ` Hours are UTC, as everywhere on this page; this person’s clock is ${found.offset > 0 ? 'ahead' : 'behind'} by ${Math.abs(found.offset) / 60}.`;
  return (
    <>
      <div class="controls">
        {found.people.length > 1 && (
          <Choice
            name="person"
            label="Person"
            value={String(personIndex.value)}
            options={found.people.map(({ name }, i) => ({ value: String(i), label: name }))}
            onChange={(value) => choosePerson(Number(value))}
          />
        )}
        {found.times.length > 0 && (
          <div class="choice" role="group" aria-label="Ask at">
            <span class="soft name">Ask at</span>
            {found.times.map(({ name, time: at }) => (
              <button type="button" key={name} onClick={() => set({ time: at })}>{name} <span class="soft">{clockWords(at)}</span></button>
            ))}
          </div>
        )}
      </div>
      <p class={found.generated ? 'note' : 'soft who'}>{found.generated && <b>Generated. </b>}{found.generated ? 'This is ' : 'Who it is: '}{who.about}.{offset}</p>
    </>
  );
}

/* ---------------------------------------------------------------- the list */

const words = (v: number): string => (v < 10 ? v.toFixed(1) : String(Math.round(v)));

function statusWords(): string {
  const now = ranked.peek();
  const info = open.peek()?.info;
  if (!now || !info) return 'Not ranked yet';
  const why = explained.peek();
  const read = Math.min(now.feed.sent.length, now.feed.maxHistory);
  return [
    `${info.build === 'relaxed' ? 'relaxed' : 'strict'} SIMD, ${info.config.variant} rotation`,
    `${now.items.length} items`,
    read < now.feed.sent.length ? `the last ${read} of ${now.feed.sent.length} events (more it does not read)` : `${read} events`,
    `ranked in ${words(median())} ms (median of the last 20)`,
    ...(why ? [`explained in ${words(why.milliseconds)} ms`] : []),
  ].join(' · ');
}

/** Calls four times a second at most: numbers that change faster are not read. */
function useCalm(read: () => void, run: () => void): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = effect(() => {
      read();
      timer ??= setTimeout(() => {
        timer = undefined;
        run();
      }, SAID_EVERY_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, []);
}

function Status() {
  const line = useSignal('Not ranked yet');
  useCalm(
    () => [ranked.value, explained.value],
    () => (line.value = statusWords()),
  );
  return <p id="feed-status" class="soft">{line.value}</p>;
}

function whyWords(): string[] {
  const why = explained.peek();
  return (person.peek()?.candidates ?? []).map((_, index) => {
    const grounds = groundsOf(index);
    if (!why || !grounds) return '';
    const moved = movementWords(grounds);
    return `${moved}${moved && ' '}${timelessWords(grounds)} ${influenceWords(strongest(why.items[index]!, why.feed.sent, REASONS))}`;
  });
}

/** Keeps the list's elements as the signals say, without a render of the page. */
function followRanking(element: HTMLOListElement): () => void {
  let list: RankedList | undefined;
  let width = 0;
  const sizes = new ResizeObserver((entries) => {
    const now = Math.round(entries.at(-1)!.contentRect.width);
    if (now !== width) list?.measure(); // heights follow from it
    width = now;
  });
  sizes.observe(element);
  const stops = [
    effect(() => {
      const candidates = person.value?.candidates;
      list = candidates && new RankedList(element, candidates, SHOWN_FIRST);
      list?.measure();
      if (!candidates) return;
      const stop = effect(() => {
        const now = ranked.value;
        if (now?.items.length === candidates.length) list?.show(now.items, open.peek()?.info.tasks[0] ?? '', before.value?.places);
      });
      const stopMarks = effect(() => list?.mark(coloursOf(swept.value)));
      return () => {
        stop();
        stopMarks();
      };
    }),
    effect(() => {
      void before.value;
      void person.value;
      if (isFresh.value) {
        list?.explain(whyWords());
        list?.rest();
      }
      element.classList.toggle('stale', !isFresh.value);
    }),
  ];
  return () => {
    sizes.disconnect();
    stops.forEach((stop) => stop());
  };
}

function listTable(): Table | undefined {
  const [now, who, tasks] = [ranked.peek(), person.peek(), open.peek()?.info.tasks];
  if (!now || !who || !tasks) return undefined;
  const why = isFresh.peek() ? explained.peek() : undefined;
  return {
    head: ['place', 'item', 'score', ...tasks, 'place before', 'place without time', 'score without time', 'place with the history as it was', 'why', 'asked at (UTC)'],
    rows: now.items.map(({ index, score, probabilities }, i) => [
      i + 1, who.candidates[index]!.title, score, ...tasks.map((task) => probabilities[task]!), before.peek()?.places[index] ?? '',
      why?.timeless[index] ?? '', why?.items[index]?.timeless ?? '', why?.unedited[index] ?? '',
      why ? influenceWords(strongest(why.items[index]!, why.feed.sent, REASONS)) : '', new Date(now.now).toISOString(),
    ]),
  };
}

function Ranking() {
  const list = useRef<HTMLOListElement>(null);
  const all = useSignal(false);
  useEffect(() => followRanking(list.current!), []);
  useEffect(() => watchSight(list.current!.parentElement!, listNear), []);
  const n = person.value?.candidates.length ?? 0;
  const task = open.value?.info.tasks[0] ?? '';
  return (
    <section class="ranking" aria-labelledby="feed-list-title">
      <h3 id="feed-list-title">Ranked now</h3>
      <p>
        For the time of the slider. Arrows count from the order at {timeWords(firstTime.value)} with the history as it was; below each item stands why, once the time rests.
      </p>
      <div class="row head soft" aria-hidden="true"><span class="place" /><span class="swatch" /><span class="what">item</span><span class="moved">moved</span><span class="share">{task}</span><span class="score">score</span></div>
      <ol id="feed-list" ref={list} class={all.value ? '' : 'short'} aria-labelledby="feed-list-title" />
      {n === 0 && <p class="empty">Fetching the feed…</p>}
      <ListTools all={all} n={n} />
    </section>
  );
}

/** Formula, table and file of the list, as figures have them. */
function ListTools({ all, n }: { all: { value: boolean }; n: number }) {
  const panel = useSignal<'formula' | 'table' | undefined>(undefined);
  const toggle = (name: 'formula' | 'table') => () => (panel.value = panel.value === name ? undefined : name);
  const save = (): void => {
    const found = listTable();
    if (found) download(csvOf(found), 'siren-rope-feed.csv', 'text/csv');
  };
  return (
    <div class="behind">
      <div class="tools" role="group" aria-label="Ranked now: more">
        {n > SHOWN_FIRST && <button type="button" aria-expanded={all.value} aria-controls="feed-list" onClick={() => (all.value = !all.value)}>{all.value ? `First ${SHOWN_FIRST}` : `All ${n}`}</button>}
        <button type="button" aria-expanded={panel.value === 'formula'} aria-controls="feed-list-panel" onClick={toggle('formula')}>Formula</button>
        <button type="button" aria-expanded={panel.value === 'table'} aria-controls="feed-list-panel" onClick={toggle('table')}>Table</button>
        <span class="files"><span class="soft" aria-hidden="true">save</span><button type="button" aria-label="Ranked now: save as CSV" onClick={save}>CSV</button></span>
      </div>
      <div id="feed-list-panel" hidden={panel.value === undefined}>
        {panel.value === 'formula' && <div class="formula" role="region" aria-label="Ranked now: formula" tabIndex={0}>{feedFormula}</div>}
        {panel.value === 'table' && <ListTable />}
      </div>
    </div>
  );
}

/** As of the last time that rested: it is no table to read while it runs. */
function ListTable() {
  void isFresh.value;
  const found = listTable();
  if (!found) return <p>Nothing is ranked yet.</p>;
  return (
    <div class="table" role="region" aria-label="Ranked now: table" tabIndex={0}>
      <table>
        <thead><tr>{found.head.map((name) => <th scope="col" key={name}>{name}</th>)}</tr></thead>
        <tbody>
          {found.rows.map((row) => (
            <tr key={row[1]}>{row.map((v, k) => (k === 0 ? <th scope="row" key={k}>{v}</th> : <td key={k}>{typeof v === 'number' && !Number.isInteger(v) ? v.toPrecision(5) : v}</td>))}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** For who does not see the list: its head, once the time rests. */
function Announcement() {
  const at = settled.value;
  const three = firstThree.value.split('\n');
  return <p class="visually-hidden" role="status">{at && three[0] ? `Ranked for ${timeWords(at.now)}: first ${three.join(', then ')}` : ''}</p>;
}

/* ---------------------------------------------------------------- scores over the window */

const MOST_LINES = 6;

/** Those that come highest at some time of the window, by candidate: which line is theirs. */
function linesOf({ scores, names, times }: SweptOver): Map<number, number> {
  const n = names.length;
  const best = names.map((_, index) => ({ index, best: n, mean: 0 }));
  for (let i = 0; i < times.length; i++) {
    const order = best.map(({ index }) => index).sort((a, b) => scores[i * n + b]! - scores[i * n + a]!);
    order.forEach((index, place) => {
      best[index]!.best = Math.min(best[index]!.best, place);
      best[index]!.mean += scores[i * n + index]! / times.length;
    });
  }
  const chosen = best.sort((a, b) => a.best - b.best || b.mean - a.mean).slice(0, MOST_LINES).map(({ index }) => index).sort((a, b) => a - b);
  return new Map(chosen.map((index, line) => [index, line]));
}

function coloursOf(found: SweptOver | undefined): (string | undefined)[] {
  if (!found) return [];
  const lines = linesOf(found);
  return found.names.map((_, index) => (lines.has(index) ? `var(--series-${lines.get(index)})` : undefined));
}

const scoresScene = (): LinesScene | undefined => {
  const found = swept.value;
  if (!found) return undefined;
  const { scores, names, times, window } = found;
  const n = names.length;
  const lines = linesOf(found);
  const series = names.map((name, index) => {
    const line = lines.get(index);
    const y = Float64Array.from(times, (_, i) => scores[i * n + index]!);
    return line === undefined
      ? { name, colour: theme.value.line, dash: [], width: 1, x: times, y }
      : { name, colour: theme.value.series[line]!, dash: DASHES[line]!, width: 2, x: times, y };
  });
  const others = series.filter((_, index) => !lines.has(index)); // below
  return {
    series: [...others, ...series.filter((_, index) => lines.has(index))],
    x: { window },
    y: { ...rangeOf(series.map(({ y }) => y)), name: 'score', words: (v) => String(Math.round(v * 1000) / 1000) },
  };
};

function Scores() {
  const scene = scoresScene();
  const shown = scene && { ...scene, series: scene.series.filter(({ width }) => width === 2) };
  return (
    <Figure<LinesScene, number>
      id="scores"
      title="Scores over the window"
      picture={linesPicture}
      scene={scoresScene}
      over={() => time.value}
      formula={feedFormula}
      label={({ series }) => `Lines: the scores of ${series.length} candidates over the window. Highest at some time: ${series.filter(({ width }) => width === 2).map(({ name }) => name).join(', ')}`}
      table={({ series }) => ({
        head: ['time (UTC)', ...series.map(({ name }) => name)],
        rows: Array.from(series[0]?.x ?? [], (t, i) => [new Date(t).toISOString(), ...series.map(({ y }) => y[i]!)]),
      })}
      onPointer={(event, scene, frame) => 'window' in scene.x && scrubIn(event, frame, linesBox(frame, scene), scene.x.window)}
    >
      <p>Every candidate was ranked at {swept.value?.times.length ?? ''} times of the window: where two lines cross, two items change places. Thin lines are candidates that never come far up. Press or drag to set the time.</p>
      <Legend scene={shown} />
    </Figure>
  );
}

/* ---------------------------------------------------------------- */

/** Questions are asked only while what they are for is on the screen, or nearly. */
function watchSight(element: HTMLElement, sight: { value: boolean }): () => void {
  const sights = new IntersectionObserver(
    (entries) => {
      sight.value = entries.at(-1)!.isIntersecting;
    },
    { rootMargin: '200px' },
  );
  sights.observe(element);
  return () => sights.disconnect();
}

function AsItIs() {
  const { moment, sine, relu, order } = state;
  if (moment.value === null && sine.value && relu.value && order.value) return null;
  return <p class="note">The feed is ranked by the model as its file is: the moment of training and the switches that you set above do not change it.</p>;
}

export function Feed() {
  const section = useRef<HTMLElement>(null);
  useEffect(() => watchSight(section.current!, near), []);
  return (
    <section class="view" id="view-feed" aria-labelledby="view-feed-title" ref={section}>
      <h2 id="view-feed-title">A feed</h2>
      <p class="lead">
        The same candidates after the same history, ranked in this page for the time of the slider. Drag the time and the list follows; change what is in the history, and see who rises and who falls.
      </p>
      <AsItIs />
      <People />
      <Status />
      {failure.value && <p class="note" role="alert">The feed could not be ranked: {failure.value}</p>}
      <div class="feed">
        <Ranking />
        <FeedHistory />
      </div>
      {isEdited.value && <p class="note">The history is changed. Whatever is drawn here follows the changed one; the arrows still count from the history as it was.</p>}
      <Scores />
      <Announcement />
    </section>
  );
}
