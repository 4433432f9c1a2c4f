/* attention.tsx: what attention would look at if content were equal: over the distance in time, and over the clock. */
import { clockMapPicture, kernelColour, type ClockMapScene } from '../draw/clock_map.js';
import { linesPicture, type LinesScene } from '../draw/lines.js';
import { DASHES, theme } from '../draw/theme.js';
import { attentionKernel } from '../maths/rotation.js';
import { DAY, HOUR, SPANS, durationWords, timeWords } from '../maths/time.js';
import { calendar, past, time, type Rotations } from '../state/model.js';
import { set, state } from '../state/store.js';
import { Slider } from './controls.js';
import { Figure } from './figure.js';
import { kernelFormula } from './formulas.js';
import { LegendLine } from './legend.js';

/** The three rotations, side by side. */
const KINDS = [
  { key: 'learned', name: 'SIREN-RoPE (this model)', colour: 'learned', dash: DASHES[0]! },
  { key: 'torope', name: 'TO-RoPE', colour: 'frozen', dash: DASHES[2]! },
  { key: 'ordinal', name: 'ordinal RoPE', colour: 'fixed', dash: DASHES[1]! },
] as const;

const nameOf = (key: string, name: string, { model }: Rotations): string =>
  key === 'learned' && model.info.config.variant !== 'siren' ? `this model (${model.info.config.variant})` : name;

/** The last of `past` and of `calendar` is the query itself. */
function kernelsOf(rotations: Rotations): { name: string; colour: 'learned' | 'frozen' | 'fixed'; dash: readonly number[]; values: Float64Array }[] {
  const { pairs } = rotations;
  return KINDS.map(({ key, name, colour, dash }) => {
    const angles = rotations[key];
    return { name: nameOf(key, name, rotations), colour, dash, values: attentionKernel(angles.subarray(angles.length - pairs), angles) };
  });
}

const kernelScene = (): LinesScene | undefined => {
  const found = past.value;
  if (!found) return undefined;
  const query = found.times.at(-1)!;
  const ago = found.times.map((t) => (query - t) / HOUR);
  const most = ago[0]!;
  const unit = most <= 2 ? { ms: HOUR / 60, name: 'minutes earlier' } : most <= 72 ? { ms: HOUR, name: 'hours earlier' } : { ms: DAY, name: 'days earlier' };
  const x = ago.map((h) => (h * HOUR) / unit.ms);
  return {
    series: kernelsOf(found).map(({ name, colour, dash, values }) => ({ name, colour: theme.value[colour], dash, width: colour === 'learned' ? 2.2 : 1.7, x, y: values })).reverse(),
    x: { from: 0, to: x[0]!, name: unit.name },
    y: { from: -1, to: 1.02, name: 'κ' },
    marks: unit.ms === DAY ? (x[0]! > 20 ? [7, 14, 21].map((at) => ({ at, name: `${at} d` })) : [1, 2, 3, 4, 5, 6, 7].map((at) => ({ at, name: '' }))) : [],
  };
};

const mapScene = (): ClockMapScene | undefined => {
  const found = calendar.value;
  if (!found) return undefined;
  const from = found.times[0]!;
  const query = found.times.at(-1)!;
  return {
    from,
    days: (found.times.length - 1) / 24,
    time: query,
    maps: kernelsOf(found).map(({ name, values }) => ({ name, values: values.subarray(0, -1).map((v, i) => (found.times[i]! <= query ? v : NaN)) })),
  };
};

export function Attention() {
  const span = state.span.value;
  return (
    <section class="view" id="view-attention" aria-labelledby="view-attention-title">
      <h2 id="view-attention-title">What attention sees</h2>
      <p class="lead">
        You are a token that asks at the slider’s time. Suppose all earlier tokens said the same: whom would you look at? Ordinal RoPE only sees how many events lie between; a learned rotation can prefer the same hour yesterday,
        or the same day last week.
      </p>
      <div class="controls">
        <Slider label="Events a day" value={state.perDay.value} least={0.5} most={24} step={0.5} words={String(state.perDay.value)} onInput={(perDay) => set({ perDay })} />
      </div>
      <Figure<LinesScene, number>
        id="kernel"
        title="Attention by distance in time"
        picture={linesPicture}
        scene={kernelScene}
        formula={kernelFormula}
        label={({ x }) => `Three curves of attention against the time before the query at ${timeWords(time.peek())}, over ${'to' in x ? x.to.toFixed(0) : ''} ${'name' in x ? x.name : ''}`}
        table={({ series, x }) => ({
          head: ['name' in x ? x.name : '', ...series.map(({ name }) => name)],
          rows: Array.from({ length: series[0]!.x.length }, (_, i) => [series[0]!.x[i]!, ...series.map(({ y }) => y[i]!)]),
        })}
      >
        <p>κ is 1 where a token would be looked at like the query itself, 0 where there is no preference, −1 where it is turned away from. The query is the slider’s time; the keys are up to {durationWords(SPANS[span].ms)} older. A wave with peaks at whole days is a model that has learned the hour.</p>
        <ul class="legend">
          {KINDS.map(({ key, name, colour, dash }) => <LegendLine key={key} name={name} colour={`var(--${colour})`} dash={dash} />)}
        </ul>
      </Figure>
      <Figure<ClockMapScene>
        id="clock"
        title="Attention over the clock"
        picture={clockMapPicture}
        scene={mapScene}
        formula={kernelFormula}
        label={({ maps, days }) => `${maps.length} calendars of ${days} days by 24 hours`}
        table={({ from, maps }) => ({
          head: ['time (UTC)', ...maps.map(({ name }) => name)],
          rows: Array.from({ length: maps[0]!.values.length }, (_, i) => [new Date(from + i * HOUR).toISOString(), ...maps.map(({ values }) => values[i]!)]).filter(([, v]) => !Number.isNaN(v)),
        })}
      >
        <p>Each cell is a token of that hour in the week up to the query (framed). Blue: looked at; orange: turned away from.</p>
        <p class="wheel-legend" aria-hidden="true">
          <span class="bar" style={{ background: `linear-gradient(to right, ${[-1, -0.5, 0, 0.5, 1].map(kernelColour).join(', ')})` }} />
          <span class="ends"><span>−1</span><span>0</span><span>1</span></span>
        </p>
      </Figure>
    </section>
  );
}

