/* controls.tsx: controls that set one thing of the state. Native elements: the browser's keyboard, focus and touch. */
import type { ComponentChildren } from 'preact';
import { open } from '../state/model.js';
import { set, state, togglePair } from '../state/store.js';
import type { State } from '../state/state.js';

type Keys<T> = { [K in keyof State]: State[K] extends T ? (T extends State[K] ? K : never) : never }[keyof State];

export function Toggle({ state: name, label }: { state: Keys<boolean>; label: string }) {
  return (
    <label class="toggle">
      <input type="checkbox" checked={state[name].value} onChange={(event) => set({ [name]: event.currentTarget.checked })} />
      <span>{label}</span>
    </label>
  );
}

export function Choice<T extends string>({ name, label, value, options, onChange }: {
  name: string;
  label: string;
  value: T;
  options: readonly { value: T; label: string }[];
  onChange: (value: T) => void;
}) {
  return (
    <fieldset class="choice">
      <legend>{label}</legend>
      {options.map((option) => (
        <label key={option.value}>
          <input type="radio" name={name} value={option.value} checked={option.value === value} onChange={() => onChange(option.value)} />
          <span>{option.label}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** A slider with its value in words. */
export function Slider({ label, value, least, most, step, words, onInput, disabled, children }: {
  label: string;
  value: number;
  least: number;
  most: number;
  step: number | 'any';
  words: string;
  onInput: (value: number) => void;
  disabled?: boolean;
  children?: ComponentChildren;
}) {
  return (
    <label class="slider">
      <span class="name">{label}</span>
      <input
        type="range"
        min={least}
        max={most}
        step={step}
        value={value}
        aria-valuetext={words}
        disabled={disabled ?? false}
        onInput={(event) => onInput(Number(event.currentTarget.value))}
      />
      <output>{words}</output>
      {children}
    </label>
  );
}

/** Which network's angles, and what of them is on. */
export function NetworkChoice({ id }: { id: string }) {
  return (
    <Choice
      name={`network-${id}`}
      label="Rotation of"
      value={state.network.value}
      options={[
        { value: 'layers', label: 'the layers' },
        { value: 'action', label: 'the action attention' },
      ]}
      onChange={(network) => set({ network })}
    />
  );
}

/** Which pairs are drawn as lines. */
export function PairChoice() {
  const pairs = open.value?.info.sizes.P ?? 0;
  const chosen = state.pairs.value;
  return (
    <fieldset class="choice chips">
      <legend>Pairs</legend>
      {Array.from({ length: pairs }, (_, j) => {
        const series = chosen.indexOf(j);
        return (
          <label key={j} class="chip" style={series >= 0 ? { '--chip': `var(--series-${series})` } : {}}>
            <input type="checkbox" checked={series >= 0} onChange={() => togglePair(j)} />
            <span>{j}</span>
          </label>
        );
      })}
    </fieldset>
  );
}
