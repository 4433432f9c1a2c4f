/* live.tsx: a small model that trains in this browser, with a rhythm of the reader's own planted in what it learns from. */
import type { Planted } from '../live/protocol.js';
import { begin, goOn, live, pause } from '../live/training.js';
import { set, state } from '../state/store.js';
import { BOUNDS } from '../state/state.js';
import { Slider } from './controls.js';
import { strongestPeriods } from './spectrum.js';

const hourWords = (hours: number): string => (hours < 48 ? `${hours} h` : `${(hours / 24).toFixed(1).replace('.0', '')} days`);

function plantedWords({ dayHours, weekDays, weekShare, strength }: Planted): string {
  if (strength === 0) return 'nothing that depends on the time';
  const parts = [...(weekShare < 1 ? [hourWords(dayHours)] : []), ...(weekShare > 0 ? [hourWords(weekDays * 24)] : [])];
  return parts.join(' and ');
}

function Planting() {
  const { dayHours, weekHours, weekShare, strength, seed } = state;
  return (
    <div class="controls">
      <Slider label="Fast rhythm" value={dayHours.value} least={BOUNDS.dayHours[0]} most={BOUNDS.dayHours[1]} step={1} words={hourWords(dayHours.value)} onInput={(v) => set({ dayHours: v })} />
      <Slider label="Slow rhythm" value={weekHours.value} least={BOUNDS.weekHours[0]} most={BOUNDS.weekHours[1]} step={12} words={hourWords(weekHours.value)} onInput={(v) => set({ weekHours: v })} />
      <Slider label="Part of the slow" value={weekShare.value} least={0} most={1} step={0.01} words={`${Math.round(weekShare.value * 100)} %`} onInput={(v) => set({ weekShare: v })} />
      <Slider label="How much time matters" value={strength.value} least={0} most={1} step={0.05} words={`${Math.round(strength.value * 100)} %`} onInput={(v) => set({ strength: v })} />
      <Slider label="Seed" value={seed.value} least={1} most={99} step={1} words={String(seed.value)} onInput={(v) => set({ seed: v })} />
    </div>
  );
}

function Status() {
  const now = live.value;
  if (!now) return <p class="soft">Not begun yet. It takes about a quarter of a minute.</p>;
  if (!now.begun || !now.last) return <p role="status">Making people, and a model that knows nothing…</p>;
  const { begun, last } = now;
  const periods = state.model.value === 'live' ? strongestPeriods(2) : [];
  return (
    <>
      <progress value={last.step} max={begun.steps} aria-label="Live training" />
      <p class="live-status">
        <span>Step <b>{last.step}</b> of {begun.steps}</span>
        <span>loss <b>{Number.isFinite(last.loss) ? last.loss.toFixed(3) : '–'}</b></span>
        <span id="live-rate"><b>{last.stepsPerSecond ? Math.round(last.stepsPerSecond) : '–'}</b> steps a second</span>
        <span>{begun.events.toLocaleString('en')} events, {begun.parameters.toLocaleString('en')} parameters, {begun.build}</span>
      </p>
      <p>
        Planted: {plantedWords(now.planted)}. Its angles now move with{' '}
        {periods.length > 0 ? periods.map(({ period, share }, i) => <span key={period}>{i > 0 && ' and '}<b>{period}</b> ({Math.round(share * 100)} %)</span>) : 'nothing yet'}.
      </p>
      <p class="visually-hidden" role="status">{now.status === 'done' ? 'The training is done.' : ''}</p>
    </>
  );
}

export function Live() {
  const status = live.value?.status;
  const going = status === 'going' || status === 'starting';
  return (
    <div class="live" id="live">
      <h3>Live: train one here</h3>
      <p>
        A model of the same kind and size learns from a thousand simulated people in a worker of this page. Choose which rhythm their tastes have, start, and watch: the dials begin to turn, stripes appear, the spectrum grows a peak where you
        planted one. This model’s clock has a day and a week: a rhythm that is a part of these (12 hours, 3.5 days) it can find, though it may turn twice as far in place of twice as often; one of 30 hours it cannot.
      </p>
      <Planting />
      <p class="turns">
        <button type="button" class="primary" id="live-begin" onClick={begin}>{live.value ? 'Start again' : 'Start training'}</button>
        <button type="button" id="live-pause" disabled={!live.value || status === 'done'} onClick={going ? pause : goOn}>{going ? 'Pause' : 'Go on'}</button>
      </p>
      <Status />
    </div>
  );
}
