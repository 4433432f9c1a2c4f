/* training.ts: the page's side of the live training: its worker, and what is known of it, as signals. Its model is opened like
 * any other whenever it has grown, so that every view follows it. */
import { effect, signal } from '@preact/signals';
import { DAY, HOUR } from '../maths/time.js';
import { growModel, problem } from '../state/model.js';
import { set, state } from '../state/store.js';
import type { Ask, Begun, Grown, Planted, Tell } from './protocol.js';

export interface Live {
  status: 'starting' | 'going' | 'paused' | 'done';
  begun: Begun | undefined;
  last: Omit<Grown, 'bytes'> | undefined;
  /** What was planted in what it learns from. */
  planted: Planted;
}

export const live = signal<Live | undefined>(undefined);
let worker: Worker | undefined;

const ask = (message: Ask): void => worker?.postMessage(message);

export function plantedNow(): Planted {
  return {
    dayHours: state.dayHours.peek(),
    weekDays: (state.weekHours.peek() * HOUR) / DAY,
    weekShare: state.weekShare.peek(),
    strength: state.strength.peek(),
    seed: state.seed.peek(),
  };
}

/** Begins anew with what the state says is planted. */
export function begin(): void {
  worker ??= start();
  const planted = plantedNow();
  live.value = { status: 'starting', begun: undefined, last: undefined, planted };
  set({ model: 'live', moment: null, edits: new Map() });
  ask({ ask: 'begin', planted });
}

const isRunning = (now: Live | undefined): now is Live => now?.status === 'going' || now?.status === 'starting';

export function pause(): void {
  ask({ ask: 'pause' });
  if (isRunning(live.value)) live.value = { ...live.value, status: 'paused' };
}

export function goOn(): void {
  if (!live.value) return begin();
  ask({ ask: 'go' });
  live.value = { ...live.value, status: 'going' };
  set({ model: 'live', moment: null });
}

function start(): Worker {
  const made = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  made.addEventListener('message', ({ data }: MessageEvent<Tell>) => void receive(data));
  made.addEventListener('error', ({ message }) => fail({ code: 'internal', message: message || 'the worker could not start', where: '' }));
  return made;
}

function fail(failure: { code: string; message: string; where: string }): void {
  problem.value = { ...failure, name: 'The live training' };
  live.value = undefined;
}

async function receive(data: Tell): Promise<void> {
  if (data.tell === 'failed') {
    fail(data.failure);
    return;
  }
  const now = live.value;
  if (!now) return;
  if (data.tell === 'begun') {
    live.value = { ...now, begun: data, status: now.status === 'starting' ? 'going' : now.status };
    return;
  }
  const { bytes, ...last } = data;
  if (state.model.peek() === 'live') await growModel({ bytes, step: last.step, epoch: last.epoch, loss: last.loss, meanNe: last.meanNe });
  live.value = { ...live.value!, last, status: last.isDone ? 'done' : live.value!.status };
  ask({ ask: 'next' });
}

/** Another model on screen pauses it; an address that names it begins it. */
export function followLive(): void {
  effect(() => {
    if (state.model.value === 'live') {
      if (!live.peek()) queueMicrotask(begin);
    } else if (isRunning(live.peek())) {
      pause();
    }
  });
}
