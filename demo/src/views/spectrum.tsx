/* spectrum.tsx: which periods are in the angles of four weeks. */
import { Fragment } from 'preact';
import { linesPicture, rangeOf, type LinesScene } from '../draw/lines.js';
import { DASHES, theme } from '../draw/theme.js';
import { live } from '../live/training.js';
import { DAY, HOUR, WEEK, durationWords } from '../maths/time.js';
import { spectrum } from '../state/model.js';
import { state } from '../state/store.js';
import { Figure } from './figure.js';
import { spectrumFormula } from './formulas.js';

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

export function Spectrum() {
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
          <>All pairs together: {strongest.map(({ period, share }, i) => <Fragment key={period}>{i > 0 && ', '}<span class="nowrap"><b>{period}</b> {Math.round(share * 100)} %</span></Fragment>)}.</>
        ) : (
          'Nothing in these angles moves with the time.'
        )}
      </p>
    </Figure>
  );
}
