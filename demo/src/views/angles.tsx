/* angles.tsx: angles over the window of time: as colours and as lines, and what of the rotation is on. */
import { DASHES, theme } from '../draw/theme.js';
import { heatBox, heatPicture, type HeatScene } from '../draw/heat.js';
import { linesBox, linesPicture, rangeOf, type LinesScene } from '../draw/lines.js';
import { angleColour } from '../maths/cyclic.js';
import { degrees, wrapAngle } from '../maths/rotation.js';
import { timeWords } from '../maths/time.js';
import { grid, open, time } from '../state/model.js';
import { set, state } from '../state/store.js';
import { NetworkChoice, PairChoice, Slider, Toggle } from './controls.js';
import { Figure } from './figure.js';
import { angleFormula } from './formulas.js';
import { scrubIn } from './pointer.js';
import { Spectrum } from './spectrum.js';

const heatScene = (): HeatScene | undefined => {
  const found = grid.value;
  if (!found) return undefined;
  const times = found.times;
  const step = times[1]! - times[0]!;
  return { window: { from: times[0]!, to: times.at(-1)! + step }, pairs: found.pairs, angles: found.learned, chosen: state.pairs.value };
};

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
      onPointer={(event, { window }, frame) => scrubIn(event, frame, heatBox(frame), window)}
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
      onPointer={(event, scene, frame) => 'window' in scene.x && scrubIn(event, frame, linesBox(frame, scene), scene.x.window)}
    >
      <PairChoice />
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
