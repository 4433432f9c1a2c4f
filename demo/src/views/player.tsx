/* player.tsx: the one scrubber of time, always within reach: it plays, drags, and says how much time is on screen. */
import { effect, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { MINUTE, SPANS, SPAN_NAMES, timeWords, type Span } from '../maths/time.js';
import { firstTime, hold, time, window } from '../state/model.js';
import { set, state } from '../state/store.js';
import { MOST_TIME } from '../state/state.js';

/** A window is played in this time. */
const PLAY_MS = 14_000;
const STEPS = 2000;

export function Player() {
  const playing = useSignal(false);

  useEffect(
    () =>
      effect(() => {
        if (!playing.value) return undefined;
        const letGo = hold();
        let before = performance.now();
        let frame = requestAnimationFrame(function next(at) {
          const span = SPANS[state.span.peek()].ms;
          const { from } = window.peek();
          const passed = ((time.peek() - from + (Math.min(at - before, 100) / PLAY_MS) * span) % span) + from;
          before = at;
          set({ time: passed });
          frame = requestAnimationFrame(next);
        });
        return () => {
          cancelAnimationFrame(frame);
          letGo();
        };
      }),
    [],
  );

  const { from, to } = window.value;
  const toMinute = (t: number): number => Math.min(MOST_TIME, Math.max(0, Math.round(t / MINUTE) * MINUTE));
  const span = state.span.value;
  const move = (ms: number) => () => set({ time: toMinute(time.peek() + ms) });
  const onInput = (value: number): void => set({ time: Math.min(to - MINUTE, toMinute(from + (value / STEPS) * (to - from))) });
  /** The browser drags the slider itself, and tells where it was let go to whoever was pressed, or not at all. */
  const onPointerDown = (): void => {
    const letGo = hold();
    const stop = (): void => {
      for (const type of ['pointerup', 'pointercancel', 'blur']) removeEventListener(type, stop, true);
      setTimeout(letGo); // Firefox reads the slider once more when it is let go
    };
    for (const type of ['pointerup', 'pointercancel', 'blur']) addEventListener(type, stop, true);
  };
  /** Steps of the keyboard: a fiftieth of the window; a tenth with Page Up and Down. */
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = SPANS[span].ms / 48;
    const by = { ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step, PageDown: -6 * step, PageUp: 6 * step }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    set({ time: toMinute(time.peek() + by) });
  };
  return (
    <div class="player" role="region" aria-label="Time">
      <button type="button" class="play" aria-pressed={playing.value} aria-label={playing.value ? 'Pause' : 'Play the time'} onClick={() => (playing.value = !playing.value)}>
        <svg viewBox="0 0 16 16" aria-hidden="true">{playing.value ? <path d="M3 2h4v12H3zM9 2h4v12H9z" /> : <path d="M4 2l10 6-10 6z" />}</svg>
      </button>
      <button type="button" class="step" aria-label={`Earlier by ${SPANS[span].label}`} onClick={move(-SPANS[span].ms)}>‹</button>
      <div class="scrub">
        <output class="time" aria-live="off">{timeWords(time.value)}</output>
        <input
          id="scrubber"
          type="range"
          aria-label="Time"
          min={0}
          max={STEPS}
          step="any"
          value={((time.value - from) / (to - from)) * STEPS}
          aria-valuetext={timeWords(time.value)}
          onInput={(event) => onInput(Number(event.currentTarget.value))}
          onPointerDown={onPointerDown}
          onKeyDown={onKeyDown}
        />
      </div>
      <button type="button" class="step" aria-label={`Later by ${SPANS[span].label}`} onClick={move(SPANS[span].ms)}>›</button>
      <label class="span">
        <span class="visually-hidden">Time on screen</span>
        <select value={span} onChange={(event) => set({ span: event.currentTarget.value as Span })}>
          {SPAN_NAMES.map((name) => <option key={name} value={name}>{SPANS[name].label}</option>)}
        </select>
      </label>
      <button type="button" class="back" onClick={() => set({ time: null })} disabled={state.time.value === null || state.time.value === firstTime.value} aria-label="Back to the model’s own time">↺</button>
    </div>
  );
}
