// frames.mjs: what a page's main thread does between one frame and the next, from Chromium's own trace, and how long a
// page takes to be usable. All tasks of the thread count, whoever posted them: scripts, styles, layout, painting, garbage
// collection, the browser's housekeeping. Work of workers, of the compositor and of rasterization does not.
import { within } from './processes.mjs';

const TRACE_MS = 60_000;
const CATEGORIES = [
  'toplevel', // ThreadControllerImpl::RunTask
  'disabled-by-default-devtools.timeline', // RunTask
  'devtools.timeline', // FireAnimationFrame
  'devtools.timeline.frame', // BeginMainThreadFrame
  'blink.user_timing',
  '__metadata',
];
const TASKS = new Set(['RunTask', 'ThreadControllerImpl::RunTask']);
const FRAMES = new Set(['FireAnimationFrame', 'BeginMainThreadFrame']);

/**
 * Traces Chromium while `interaction` runs, an async function that uses the browser. A requestAnimationFrame loop runs
 * meanwhile, so that every refresh of the screen is a frame, also where the page draws nothing; its cost counts.
 * slowdown: a processor that many times slower. Resolves to { ms: [a frame's main-thread ms], p50, p95, max, cpuMs, cpu:
 * { p50, p95, max }, longestTask, frames, seconds }; rejects when the trace is not whole. `ms` is by the clock, what the
 * user waits for, and so has the time in which a busy machine ran something else; `cpuMs` is the thread's own time.
 */
export async function measureFrames(browser, interaction, { slowdown = 1 } = {}) {
  if (browser.name !== 'chromium') throw new Error(`frames are measured in chromium, not in ${browser.name}`);
  const client = await browser.page.createCDPSession();
  const marks = ['begin', 'end'].map((name) => `measureFrames ${name} ${Math.random()}`);
  try {
    await client.send('Emulation.setCPUThrottlingRate', { rate: slowdown });
    await client.send('Tracing.start', {
      transferMode: 'ReturnAsStream',
      traceConfig: { recordMode: 'recordUntilFull', traceBufferSizeInKb: 400_000, includedCategories: CATEGORIES, excludedCategories: ['*'] },
    });
    let events;
    try {
      await browser.evaluate(beginFrames, marks[0]);
      await interaction();
      await browser.evaluate(endFrames, marks[1]);
    } finally {
      events = await within(TRACE_MS, 'the end of the trace', endTrace(client));
    }
    return summarize(events, marks);
  } finally {
    await client.send('Emulation.setCPUThrottlingRate', { rate: 1 }).catch(() => {}); // it has crashed
    await client.detach().catch(() => {});
  }
}

/**
 * Opens a page and resolves to the milliseconds from the start of its navigation to performance.mark('interactive'),
 * which the page sets when it can be used. Any browser. options are open()'s.
 */
export async function timeToInteractive(browser, url, options) {
  await browser.open(url, options);
  const mark = () => performance.getEntriesByName('interactive', 'mark').map(({ startTime }) => [startTime])[0];
  return (await browser.waitFor(mark, [], 60_000))[0];
}

function beginFrames(mark) {
  return new Promise((resolve) => {
    window.measuringFrames = true;
    const next = () => {
      if (window.measuringFrames) requestAnimationFrame(next);
    };
    // The first whole frame begins after one that has been shown.
    requestAnimationFrame(() => requestAnimationFrame(() => {
      performance.mark(mark);
      next();
      resolve();
    }));
  });
}

function endFrames(mark) {
  return new Promise((resolve) => {
    requestAnimationFrame(() => {
      performance.mark(mark);
      window.measuringFrames = false;
      setTimeout(resolve); // the task that holds the mark has ended
    });
  });
}

async function endTrace(client) {
  const complete = new Promise((resolve) => client.once('Tracing.tracingComplete', resolve));
  await client.send('Tracing.end');
  const { stream, dataLossOccurred } = await complete;
  if (dataLossOccurred) throw new Error('Chromium lost part of the trace: measure a shorter interaction');
  const chunks = [];
  for (let eof = false; !eof;) {
    const part = await client.send('IO.read', { handle: stream, size: 1 << 20 });
    chunks.push(Buffer.from(part.data, part.base64Encoded ? 'base64' : 'utf8'));
    eof = part.eof;
  }
  await client.send('IO.close', { handle: stream });
  return JSON.parse(Buffer.concat(chunks).toString()).traceEvents;
}

/** From trace events and the names of the two marks that the page set; see measureFrames(). */
export function summarize(events, [begin, end]) {
  const find = (name) => {
    const found = events.find((event) => event.name === name && event.cat.includes('blink.user_timing'));
    if (!found) throw new Error(`the trace lacks the mark ${name}`);
    return found;
  };
  const { pid, tid, ts: from } = find(begin);
  const { pid: endPid, ts: to } = find(end);
  if (endPid !== pid) throw new Error('the page moved to another process while it was measured');
  const thread = events.find((event) => event.name === 'thread_name' && event.pid === pid && event.tid === tid);
  if (thread?.args.name !== 'CrRendererMain') throw new Error(`the marks are of the thread ${thread?.args.name}`);

  const own = events.filter((event) => event.pid === pid && event.tid === tid);
  const tasks = outermost(own.filter(({ name, ph }) => ph === 'X' && TASKS.has(name)));
  // A frame begins with the task that its requestAnimationFrame callbacks are in (ours always is among them: not every
  // Chromium traces BeginMainThreadFrame). The tasks that hold the marks bound all frames.
  const holder = (ts) => tasks.find((task) => task.start <= ts && ts < task.end);
  const starts = own.filter(({ name }) => FRAMES.has(name)).map(({ ts }) => holder(ts)?.start ?? ts);
  const first = holder(from)?.start ?? from;
  const last = holder(to)?.start ?? to;
  const bounds = [...new Set([first, ...starts.filter((start) => start > first && start < last), last])].sort((a, b) => a - b);
  if (tasks.length === 0 || bounds.length < 3) throw new Error(`the trace has ${tasks.length} tasks and ${bounds.length - 1} frames`);

  const ms = new Array(bounds.length - 1).fill(0);
  const cpuMs = new Array(bounds.length - 1).fill(0);
  let longestTask = 0;
  for (const task of tasks) {
    if (task.start < first || task.start >= last) continue;
    const frame = bounds.findLastIndex((start) => start <= task.start);
    ms[frame] += (task.end - task.start) / 1000;
    cpuMs[frame] += task.cpu / 1000;
    longestTask = Math.max(longestTask, (task.end - task.start) / 1000);
  }
  return { ms, ...quantiles(ms), cpuMs, cpu: quantiles(cpuMs), longestTask, frames: ms.length, seconds: (last - first) / 1e6 };
}

function quantiles(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const quantile = (q) => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
  return { p50: quantile(0.5), p95: quantile(0.95), max: quantile(1) };
}

/** Tasks run tasks, and two categories report the same ones: the outermost intervals, in order, none twice. */
function outermost(events) {
  const span = ({ ts, dur = 0, tdur = dur }) => ({ start: ts, end: ts + dur, cpu: tdur });
  const spans = events.map(span).sort((a, b) => a.start - b.start || b.end - a.end);
  const found = [];
  for (const next of spans) {
    const before = found.at(-1);
    if (!before || next.start >= before.end) found.push(next);
    else if (next.end > before.end + 50) throw new Error('tasks of one thread overlap: this trace is read wrongly');
  }
  return found;
}
