/* training.tsx: the rotation over the course of training: a slider through its moments that every view follows, the curves of λ,
 * freq and the losses, and a training that runs here and now. */
import { DASHES, theme } from '../draw/theme.js';
import { linesPicture, rangeOf, type LinesScene, type Series } from '../draw/lines.js';
import { open } from '../state/model.js';
import { set, state } from '../state/store.js';
import { Slider } from './controls.js';
import { Figure } from './figure.js';
import { trainingFormula } from './formulas.js';
import { Legend } from './legend.js';
import { Live } from './live.js';

const steps = (): Float64Array => Float64Array.from(open.value?.moments ?? [], ({ step }) => step);
const lastStep = (): number => Math.max(1, open.value?.moments.at(-1)?.step ?? 1);
const stepAxis = () => ({ from: 0, to: lastStep(), name: 'step', kind: 'sqrt' as const });
/** Where the page is in the training. */
const here = (): number | undefined => {
  const moments = open.value?.moments ?? [];
  return state.moment.value === null ? moments.at(-1)?.step : moments[state.moment.value]?.step;
};

const table = ({ series }: LinesScene) => {
  const at = [...new Set(series.flatMap(({ x }) => Array.from(x)))].sort((a, b) => a - b);
  return {
    head: ['step', ...series.map(({ name }) => name)],
    rows: at.map((step) => [step, ...series.map(({ x, y }) => y[Array.from(x).indexOf(step)] ?? '')]),
  };
};

function lossScene(): LinesScene | undefined {
  const model = open.value;
  if (!model || model.moments.length < 2) return undefined;
  const series: Series[] = [
    { name: 'loss of the batch (mean log loss)', colour: theme.value.learned, dash: [], x: steps(), y: model.moments.map(({ loss }) => loss), dots: model.moments.length < 60 },
  ];
  if (model.evaluations.length > 0)
    series.push({ name: 'NE on held-out events', colour: theme.value.frozen, dash: DASHES[1]!, x: model.evaluations.map(({ step }) => step), y: model.evaluations.map(({ meanNe }) => meanNe), dots: true });
  return { series, x: stepAxis(), y: { ...rangeOf(series.map(({ y }) => y), 0), name: 'lower is better' } };
}

function orderScene(): LinesScene | undefined {
  const model = open.value;
  if (!model || model.moments.length < 2) return undefined;
  const series: Series[] = [{ name: 'λ (order_scale)', colour: theme.value.ink, dash: [], width: 2.2, x: steps(), y: model.moments.map(({ orderScale }) => orderScale) }];
  return { series, x: stepAxis(), y: { ...rangeOf(series.map(({ y }) => y)), name: 'times the fixed part' } };
}

function freqScene(): LinesScene | undefined {
  const model = open.value;
  if (!model || model.moments.length < 2) return undefined;
  const { A, P } = model.info.sizes;
  const series: Series[] = [];
  state.pairs.value.forEach((pair, s) => {
    const a = Math.floor((pair * A) / P);
    if (pair < P) series.push({ name: `pair ${pair}`, colour: theme.value.series[s]!, dash: DASHES[s]!, x: steps(), y: model.moments.map(({ freq }) => freq[a] ?? NaN) });
  });
  return { series, x: stepAxis(), y: { ...rangeOf(series.map(({ y }) => y)), name: 'times the learned part' } };
}

/** One curve after the other in words. */
const lineWords = ({ series }: LinesScene): string =>
  `Curves over steps: ${series.map(({ name, y }) => `${name}, at the end ${Number(y[y.length - 1]).toFixed(4)}`).join('; ')}`;

function Curves({ id, title, scene }: { id: string; title: string; scene: () => LinesScene | undefined }) {
  return (
    <Figure<LinesScene, number> id={id} title={title} picture={linesPicture} scene={scene} over={here} formula={trainingFormula} label={lineWords} table={table}>
      <Legend scene={scene()} />
    </Figure>
  );
}

function Moments() {
  const model = open.value;
  const n = model?.moments.length ?? 0;
  if (!model || n === 0)
    return <p class="note">This file has no history of its training beside it, so there is one moment only: the model as it is. The bundled models and the live training have one.</p>;
  const at = state.moment.value === null ? n - 1 : Math.min(state.moment.value, n - 1);
  const { step, epoch, loss } = model.moments[at]!;
  const words = `step ${step}, epoch ${epoch.toFixed(2)}${Number.isFinite(loss) ? `, loss ${loss.toFixed(4)}` : ''}`;
  return (
    <div class="controls wide">
      <Slider label="Moment of training" value={at} least={0} most={n - 1} step={1} words={words} onInput={(moment) => set({ moment: moment === n - 1 ? null : moment })} />
    </div>
  );
}

export function Training() {
  const has = (open.value?.moments.length ?? 0) > 1;
  return (
    <section class="view" id="view-training" aria-labelledby="view-training-title">
      <h2 id="view-training-title">Over training</h2>
      <p class="lead">A rotation is learned with everything else. Go back through the moments of this model’s training: every picture of the page, dials, colours, spectrum and attention, is of the moment that you choose here.</p>
      <Moments />
      {has && (
        <div class="side-by-side">
          <Curves id="losses" title="Losses" scene={lossScene} />
          <Curves id="order-scale" title="λ" scene={orderScene} />
          <Curves id="freq" title="freq" scene={freqScene} />
        </div>
      )}
      <Live />
    </section>
  );
}
