/* worker.ts: trains a small model on simulated events, in slices short enough that a word of the page is heard between them, and
 * shows it whenever the page is ready for the next picture. */
import { createTraining, type Training } from 'siren-rope/train';
import { RECIPE, USERS } from './recipe.js';
import type { Ask, Planted, Tell } from './protocol.js';

const SLICE_MS = 25;
const SHOW_EVERY_MS = 120;

let training: Training | undefined;
/** How many were begun: the last is the one that counts. */
let begun = 0;
let going = false;
/** Not paused, also while it is being made. */
let wanted = false;
let timer: ReturnType<typeof setTimeout> | undefined;
let pageIsReady = true;
let shownAt = 0;
let shownStep = -1;
let losses: number[] = [];
let meanNe: number | undefined;
let epoch = 0;
/** Of all slices of this training. */
let busy = { steps: 0, milliseconds: 0 };

const tell = (message: Tell, transfer: Transferable[] = []): void => postMessage(message, { transfer });

async function begin({ dayHours, weekDays, weekShare, strength, seed }: Planted): Promise<void> {
  const own = ++begun;
  going = false;
  wanted = true;
  training?.dispose();
  training = undefined;
  const made = await createTraining({ recipe: RECIPE, simulation: { users: USERS, dayHours, weekDays, weekShare, strength, seed } });
  if (own !== begun) {
    made.dispose(); // another was begun meanwhile
    return;
  }
  training = made;
  losses = [];
  meanNe = undefined;
  busy = { steps: 0, milliseconds: 0 };
  epoch = 0;
  pageIsReady = true;
  shownStep = -1;
  const { steps, events, parameters, build } = training.info;
  tell({ tell: 'begun', steps, events, parameters, build });
  show(); // the model before its first step
  if (isWanted()) go();
}

/** Read anew: the page may have paused it while it was being made. */
function isWanted(): boolean {
  return wanted;
}

function go(): void {
  if (!training || going || training.isDone) return;
  going = true;
  sliceSoon();
}

function sliceSoon(): void {
  clearTimeout(timer); // after a short pause the last one may still be due
  timer = setTimeout(slice);
}

/** Some steps, and again after whatever came in meanwhile. */
function slice(): void {
  if (!going || !training) return;
  const start = performance.now();
  try {
    do {
      for (const event of training.run(1)) {
        epoch = event.epoch;
        if (event.kind === 'evaluation') meanNe = event.meanNe;
        else {
          losses.push(event.loss);
          busy.steps++;
        }
      }
    } while (!training.isDone && performance.now() - start < SLICE_MS);
  } catch (error) {
    return fail(error);
  }
  busy.milliseconds += performance.now() - start;
  if (training.isDone) going = false;
  if (pageIsReady && (training.isDone || performance.now() - shownAt >= SHOW_EVERY_MS)) show();
  sliceSoon();
}

function show(): void {
  if (!training) return;
  const bytes = training.model().slice();
  const loss = losses.length > 0 ? losses.reduce((a, b) => a + b, 0) / losses.length : NaN;
  const stepsPerSecond = busy.milliseconds > 0 ? (1000 * busy.steps) / busy.milliseconds : 0;
  pageIsReady = false;
  shownAt = performance.now();
  shownStep = training.stepCount;
  tell({ tell: 'grown', step: training.stepCount, epoch, loss, meanNe, bytes, stepsPerSecond, isDone: training.isDone }, [bytes.buffer]);
  losses = [];
  meanNe = undefined;
}

function fail(error: unknown): void {
  going = false;
  const { code = 'internal', message, where = '' } = error as { code?: string; message: string; where?: string };
  tell({ tell: 'failed', failure: { code, message, where } });
}

addEventListener('message', ({ data }: MessageEvent<Ask>) => {
  if (data.ask === 'begin') begin(data.planted).catch(fail);
  else if (data.ask === 'go') {
    wanted = true;
    go();
  } else if (data.ask === 'pause') wanted = going = false;
  else {
    pageIsReady = true;
    if (training && !going && training.stepCount > shownStep) show(); // what was reached before it stopped
  }
});
