/* angles.tsx: angles over the window of time: as colours, as lines, and as the periods that are in them. */
import { DASHES, theme } from '../draw/theme.js';
import { heatBox, heatPicture, type HeatScene } from '../draw/heat.js';
import { linesBox, linesPicture, rangeOf, type LinesScene } from '../draw/lines.js';
import { angleColour } from '../maths/cyclic.js';
import { degrees, wrapAngle } from '../maths/rotation.js';
import { DAY, HOUR, WEEK, durationWords, timeWords } from '../maths/time.js';
import { live } from '../live/training.js';
import { grid, open, spectrum, time } from '../state/model.js';
import { set, state } from '../state/store.js';
import { NetworkChoice, PairChoice, Slider, Toggle } from './controls.js';
import { Figure } from './figure.js';
import { angleFormula, spectrumFormula } from './formulas.js';

/** A press in a picture of time sets the time, and a drag goes on setting it. */
export function scrubWith(box: { left: number; right: number }, window: { from: number; to: number }) {
  return (event: PointerEvent, frame: DOMRect): void => {
    const target = event.currentTarget as HTMLElement;
    const follow = ({ clientX }: PointerEvent): void => {
      const part = (clientX - frame.left - box.left) / (box.right - box.left);
      const to = window.to - 60_000; // the window's own last minute: its end begins the next
      set({ time: Math.min(to, Math.max(window.from, Math.round((window.from + part * (window.to - window.from)) / 60_000) * 60_000)) });
    };
    const stop = (): void => {
      target.removeEventListener('pointermove', follow);
      target.removeEventListener('pointerup', stop);
      target.removeEventListener('pointercancel', stop);
    };
    target.setPointerCapture(event.pointerId);
    target.addEventListener('pointermove', follow);
    target.addEventListener('pointerup', stop);
    target.addEventListener('pointercancel', stop);
    follow(event);
  };
}

const heatScene = (): HeatScene | undefined => {
  const found = grid.value;
  if (!found) return undefined;
  const times = found.times;
  const step = times[1]! - times[0]!;
  return { window: { from: times[0]!, to: times.at(-1)! + step }, pairs: found.pairs, angles: found.learned, chosen: state.pairs.value };
};

const sizeOf = (frame: DOMRect) => ({ width: frame.width, height: frame.height });

function HeatMap() {
  return (
    <Figure<HeatScene, number>
      id="heat"
      title="Direction of every pair over time"
      picture={heatPicture}
      scene={heatScene}
      over={() => time.value}
      formula={angleFormula}
      label={({ pairs, window }) => `Heat map: angles of ${pairs} pairs from ${timeWords(window.from)} to ${timeWords(window.to)}`}
      table={({ angles, pairs }) => ({
        head: ['time (UTC)', ...Array.from({ length: pairs }, (_, j) => `pair ${j} (rad)`)],
        rows: Array.from({ length: angles.length / pairs }, (_, i) => [new Date(grid.peek()!.times[i]!).toISOString(), ...angles.subarray(i * pairs, (i + 1) * pairs)]),
      })}
      onPointer={(event, { window }, frame) => scrubWith(heatBox(sizeOf(frame)), window)(event, frame)}
    >
      <p>
        A colour is a direction: a row that goes through the same colours every day has learned the day. White lines are midnights or Mondays. Press or drag in the picture to set the time.
      </p>
      <ColourWheel />
    </Figure>
  );
}

function ColourWheel() {
  const stops = Array.from({ length: 25 }, (_, i) => angleColour((2 * Math.PI * i) / 24)).join(', ');
  return (
    <p class="wheel-legend">
      <span class="bar" style={{ background: `linear-gradient(to right, ${stops})` }} aria-hidden="true" />
      <span class="ends"><span>0°</span><span>90°</span><span>180°</span><span>270°</span><span>360°</span></span>
    </p>
  );
}

const degreeWords = (v: number): string => `${Math.round(degrees(v))}°`;

/** Quarter turns, or as many of them together as leave room. */
function turnTicks({ from, to }: { from: number; to: number }): number[] {
  const quarter = Math.PI / 2;
  let step = quarter;
  while ((to - from) / step > 6) step *= 2;
  const first = Math.ceil(from / step - 1e-9);
  return Array.from({ length: Math.floor(to / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
}

const linesScene = (): LinesScene | undefined => {
  const found = grid.value;
  if (!found) return undefined;
  const { times, pairs, learned } = found;
  const step = times[1]! - times[0]!;
  const unwrapped = state.unwrapped.value;
  const columns = state.pairs.value.map((pair, s) => ({ pair, s })).filter(({ pair }) => pair < pairs);
  const series = columns.map(({ pair, s }) => ({
    name: `pair ${pair}`,
    colour: theme.value.series[s]!,
    dash: DASHES[s]!,
    x: times,
    y: Float64Array.from({ length: times.length }, (_, i) => (unwrapped ? learned[i * pairs + pair]! : wrapAngle(learned[i * pairs + pair]!))),
  }));
  const range = unwrapped ? rangeOf(series.map(({ y }) => y)) : { from: -Math.PI, to: Math.PI };
  return {
    series,
    x: { window: { from: times[0]!, to: times.at(-1)! + step } },
    y: { ...range, name: unwrapped ? 'angle, whole turns counted' : 'angle', words: degreeWords, ticks: turnTicks(range) },
    jump: unwrapped ? Infinity : Math.PI,
  };
};

const linesTable = (x: string, words: (v: number) => string | number) => ({ series }: LinesScene) => ({
  head: [x, ...series.map(({ name }) => name)],
  rows: Array.from({ length: series[0]?.x.length ?? 0 }, (_, i) => [words(series[0]!.x[i]!), ...series.map(({ y }) => y[i]!)]),
});

export function LegendLine({ name, colour, dash }: { name: string; colour: string; dash: readonly number[] }) {
  return (
    <li>
      <svg width="28" height="10" aria-hidden="true"><line x1="1" x2="27" y1="5" y2="5" stroke={colour} stroke-width="2" stroke-dasharray={dash.join(' ')} /></svg>
      {name}
    </li>
  );
}

export function Legend({ scene }: { scene: LinesScene | undefined }) {
  return <ul class="legend">{(scene?.series ?? []).map(({ name, colour, dash }) => <LegendLine key={name} name={name} colour={colour} dash={dash} />)}</ul>;
}

function Lines() {
  return (
    <Figure<LinesScene, number>
      id="lines"
      title="Chosen pairs as lines"
      picture={linesPicture}
      scene={linesScene}
      over={() => time.value}
      formula={angleFormula}
      label={({ series }) => (series.length ? `Lines: angles over the window of ${series.map(({ name }) => name).join(', ')}` : 'No pair is chosen')}
      table={linesTable('time (UTC)', (v) => new Date(v).toISOString())}
      onPointer={(event, scene, frame) => 'window' in scene.x && scrubWith(linesBox(sizeOf(frame), scene), scene.x.window)(event, frame)}
    >
      <PairChoice />
    </Figure>
  );
}

const MARKS = [{ period: WEEK, name: 'week' }, { period: DAY, name: 'day' }, { period: HOUR, name: 'hour' }];

/** What the reader planted for the live training, where it is not marked already. */
function plantedMarks(): { period: number; name: string }[] {
  const planted = state.model.value === 'live' ? live.value?.planted : undefined;
  const periods = planted ? [...(planted.weekShare < 1 ? [planted.dayHours * HOUR] : []), ...(planted.weekShare > 0 ? [planted.weekDays * DAY] : [])] : [];
  return periods.filter((period) => period !== DAY && period !== WEEK).map((period) => ({ period, name: `planted ${durationWords(period)}` }));
}

/** Where the axis of periods has its labels. */
const PERIODS = [4 * WEEK, 2 * WEEK, WEEK, 2 * DAY, DAY, 12 * HOUR, 6 * HOUR, 3 * HOUR, HOUR];

/** Periods from four weeks down to half an hour, long ones left. */
const spectrumScene = (): LinesScene | undefined => {
  const found = spectrum.value;
  if (!found) return undefined;
  const { shares, spanMs } = found;
  const pairs = found.model.info.sizes.P;
  const n = shares.length / pairs;
  const cycles = Float64Array.from({ length: n - 1 }, (_, i) => i + 1);
  const columns = state.pairs.value.map((pair, s) => ({ pair, s })).filter(({ pair }) => pair < pairs);
  const series = columns.map(({ pair, s }) => ({
    name: `pair ${pair}`,
    colour: theme.value.series[s]!,
    dash: DASHES[s]!,
    x: cycles,
    y: shares.subarray(pair * n + 1, (pair + 1) * n),
  }));
  return {
    series,
    x: { from: 1, to: n - 1, name: 'period', kind: 'log', words: (k) => durationWords(spanMs / k), ticks: PERIODS.map((period) => spanMs / period) },
    y: { from: 0, to: Math.min(1, Math.max(0.1, rangeOf(series.map(({ y }) => y)).to)), name: 'share of the variance', words: (v) => `${Math.round(v * 100)} %` },
    marks: [...MARKS, ...plantedMarks()].map(({ period, name }) => ({ at: spanMs / period, name })),
  };
};

/** The strongest periods of all pairs together, weighted by how far each swings. */
export function strongestPeriods(most: number): { period: string; share: number }[] {
  const found = spectrum.value;
  if (!found) return [];
  const { shares, spread, spanMs } = found;
  const pairs = spread.length;
  const n = shares.length / pairs;
  const total = new Float64Array(n);
  let all = 0;
  for (let j = 0; j < pairs; j++) {
    all += spread[j]! ** 2;
    for (let k = 1; k < n; k++) total[k] = total[k]! + spread[j]! ** 2 * shares[j * n + k]!;
  }
  if (all === 0) return [];
  return Array.from(total, (power, k) => ({ k, share: power / all }))
    .sort((a, b) => b.share - a.share)
    .slice(0, most)
    .filter(({ share }) => share >= 0.005)
    .map(({ k, share }) => ({ period: durationWords(spanMs / k), share }));
}

function Spectrum() {
  const strongest = strongestPeriods(4);
  return (
    <Figure<LinesScene, number>
      id="spectrum"
      title="Which periods did it learn?"
      picture={linesPicture}
      scene={spectrumScene}
      formula={spectrumFormula}
      label={() => `Spectrum. Strongest over all pairs: ${strongestPeriods(4).map(({ period, share }) => `${period} ${Math.round(share * 100)} %`).join(', ') || 'nothing moves'}`}
      table={({ series }) => ({
        head: ['cycles in four weeks', 'period (hours)', ...series.map(({ name }) => name)],
        rows: Array.from({ length: series[0]?.x.length ?? 0 }, (_, i) => [series[0]!.x[i]!, (4 * WEEK) / HOUR / series[0]!.x[i]!, ...series.map(({ y }) => y[i]!)]),
      })}
    >
      <p>
        {strongest.length > 0 ? (
          <>All pairs together: {strongest.map(({ period, share }, i) => <span key={period}>{i > 0 && ', '}<b>{period}</b> {Math.round(share * 100)} %</span>)}.</>
        ) : (
          'Nothing in these angles moves with the time.'
        )}
      </p>
    </Figure>
  );
}

export function Angles() {
  const variant = open.value?.info.config.variant;
  return (
    <section class="view" id="view-angles" aria-labelledby="view-angles-title">
      <h2 id="view-angles-title">Angles over time</h2>
      <p class="lead">The same angles for all times of the window at once. Switch the two branches of the network and the fixed part on and off, and see what each contributes.</p>
      {variant !== undefined && variant !== 'siren' && <p class="note">This model’s variant is {variant}: its rotation is fixed, there are no branches to switch.</p>}
      <div class="controls">
        <NetworkChoice id="angles" />
        <fieldset class="choice">
          <legend>On</legend>
          <Toggle state="sine" label="sine branch" />
          <Toggle state="relu" label="ReLU branch" />
          <Toggle state="order" label="order (λ)" />
        </fieldset>
        <Toggle state="unwrapped" label="unwrapped" />
        <Slider label="Events a day" value={state.perDay.value} least={0.5} most={24} step={0.5} words={String(state.perDay.value)} onInput={(perDay) => set({ perDay })} />
      </div>
      <HeatMap />
      <Lines />
      <Spectrum />
    </section>
  );
}
