/* near.ts: which pictures are on the screen or nearly: what nobody sees is neither asked for nor drawn. */
import { signal, type Signal } from '@preact/signals';

const known = new Map<string, Signal<boolean>>();

/** By the figure's id; false until it has been seen. */
export function near(id: string): Signal<boolean> {
  let found = known.get(id);
  if (!found) known.set(id, (found = signal(false)));
  return found;
}
