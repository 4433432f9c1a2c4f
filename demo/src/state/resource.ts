/* resource.ts: a value that is asked for: whenever what it depends on changes, the engine is asked, the newest question last. */
import { effect, signal, type ReadonlySignal } from '@preact/signals';
import { latest } from '../engine/client.js';

/**
 * @param input reads signals; undefined is "nothing to ask now" and keeps the value
 * @param run answers one input; a failure keeps the value and goes to `onError`
 */
export function resource<I, O>(
  input: () => I | undefined,
  run: (input: I) => Promise<O>,
  onError: (error: unknown) => void = () => undefined,
): ReadonlySignal<O | undefined> {
  const value = signal<O | undefined>(undefined);
  const ask = latest(async (asked: I) => {
    try {
      value.value = await run(asked);
    } catch (error) {
      onError(error);
    }
  });
  effect(() => {
    const asked = input();
    if (asked !== undefined) ask(asked);
  });
  return value;
}
