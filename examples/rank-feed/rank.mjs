// What `make rank` prints: a bundled user's candidates, ranked by the bundled model after the same history at three
// times of the day, with each candidate's probabilities and how far it moved. Uses the package's public API only.
//
// Usage: node examples/rank-feed/rank.mjs [--user ID] [--limit K] [--build auto|simd|relaxed] [--json] [--help]
import { readFile } from 'node:fs/promises';
import { parseArgs, styleText } from 'node:util';

const HELP = `Ranks the bundled sample feed with the bundled model at three times of the day.

Usage: node examples/rank-feed/rank.mjs [OPTIONS]
  --user ID       whose feed: commuter (default), lunch-break, night-owl
  --limit K       how many places to show, 1 or more (default 8)
  --build NAME    the wasm module: auto (default: the fastest that runs here), simd, relaxed
  --json          everything as one JSON object
  --help          this text
Colours only on a terminal, and never with NO_COLOR set.`;
const WIDTH = 100;
const WARM_UP_RUNS = 100; // the engine compiles hot WebAssembly a second time
const TIMED_RUNS = 100;
const root = new URL('../../', import.meta.url);

class UsageError extends Error {}

function readOptions() {
  const options = {
    user: { type: 'string', default: 'commuter' }, limit: { type: 'string', default: '8' },
    build: { type: 'string', default: 'auto' }, json: { type: 'boolean' }, help: { type: 'boolean' },
  };
  let values;
  try {
    ({ values } = parseArgs({ options }));
  } catch (error) {
    throw new UsageError(error.message);
  }
  const limit = Number(values.limit);
  if (!Number.isInteger(limit) || limit < 1) throw new UsageError(`--limit takes 1 or more, not ${values.limit}`);
  if (!['auto', 'simd', 'relaxed'].includes(values.build)) {
    throw new UsageError(`--build takes auto, simd or relaxed, not ${values.build}`);
  }
  return { ...values, limit };
}

async function importPackage() {
  try {
    return await import('siren-rope');
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new UsageError('the package is not built yet: run `make rank` or `make build`');
  }
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/** Every time's whole order: [{ name, now, items: [{ place, moved, id, title, score, probabilities }] }]. */
function rankAtTimes(session, user, times) {
  let before;
  return times.map(({ name, now }) => {
    const { items } = session.rank(user.candidates, { now });
    const places = new Map(items.map(({ item }, i) => [item.id, i + 1]));
    const ranked = items.map(({ item: { id, item }, score, probabilities }, i) => {
      const place = i + 1;
      return { place, moved: before ? before.get(id) - place : 0, id, title: item.title, score, probabilities };
    });
    before = places;
    return { name, now, items: ranked };
  });
}

async function rankFeed({ user: id, build }) {
  const { loadModel } = await importPackage();
  const feed = JSON.parse(await readFile(new URL('demo/data/sample-feed.json', root), 'utf8'));
  const user = feed.users.find((candidate) => candidate.id === id);
  if (!user) throw new UsageError(`--user takes ${feed.users.map((u) => u.id).join(', ')}, not ${id}`);

  const loadStart = performance.now();
  const model = await loadModel(new URL(feed.model, root), { build });
  const loadMs = performance.now() - loadStart;
  const session = model.createSession({ history: user.history });

  const firstStart = performance.now();
  session.rank(user.candidates, { now: feed.times[0].now }); // runs the history, too
  const firstRankMs = performance.now() - firstStart;
  const runs = Array.from({ length: WARM_UP_RUNS + TIMED_RUNS }, (_, i) => {
    const start = performance.now();
    session.rank(user.candidates, { now: feed.times[i % feed.times.length].now });
    return performance.now() - start;
  }).slice(WARM_UP_RUNS);
  const { info } = model;
  const result = {
    model: { file: feed.model, variant: info.config.variant, parameters: info.parameters, tasks: info.tasks },
    runtime: { build: info.build, isa: info.isa, platform: `Node.js ${process.versions.node}` },
    timing: { loadMs, firstRankMs, medianRankMs: median(runs), runs: TIMED_RUNS },
    user: { id: user.id, about: user.about, events: user.history.length, candidates: user.candidates.length },
    times: rankAtTimes(session, user, feed.times),
  };
  session.dispose();
  model.dispose();
  return result;
}

const colours = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (style, text) => (colours ? styleText(style, text) : text);

function percent(probability) {
  return `${(100 * probability).toFixed(1)} %`;
}

/** "▲3" and the like, 4 columns wide; nothing in the first table, which has nothing before it. */
function arrow(moved, isFirst) {
  if (isFirst) return '    ';
  if (moved > 0) return paint('green', ` ▲${moved}`.padEnd(4));
  return moved < 0 ? paint('red', ` ▼${-moved}`.padEnd(4)) : paint('dim', ' ·  ');
}

/** "Wednesday 4 May 2022, 08:00" of an ISO time, in the offset that it names. */
function clock(iso) {
  const day = new Date(`${iso.slice(0, 10)}T00:00:00Z`);
  const date = day.toLocaleDateString('en-GB', { weekday: 'long', day: 'numeric', month: 'long', timeZone: 'UTC' });
  return `${date} ${iso.slice(0, 4)}, ${iso.slice(11, 16)}`;
}

function table({ name, now, items }, tasks, limit, isFirst) {
  const taskWidths = tasks.map((task) => Math.max(task.length, 6) + 2);
  const titleWidth = WIDTH - 8 - 7 - taskWidths.reduce((a, b) => a + b, 0);
  const fit = (text) => (text.length > titleWidth ? `${text.slice(0, titleWidth - 1)}…` : text.padEnd(titleWidth));
  const line = (place, move, title, score, cells) => `${place.padStart(2)} ${move} ${fit(title)}${score.padStart(7)}${
    cells.map((cell, i) => cell.padStart(taskWidths[i])).join('')}`;
  const title = `${paint('bold', name[0].toUpperCase() + name.slice(1))}: ${clock(now)}`;
  return [
    isFirst ? title : `${title}${paint('dim', '   (▲▼: places since the table above)')}`,
    paint('dim', line('#', '    ', 'title', 'score', tasks)),
    ...items.slice(0, limit).map((row) => line(String(row.place), arrow(row.moved, isFirst), row.title,
      row.score.toFixed(3), tasks.map((task) => percent(row.probabilities[task])))),
  ].join('\n');
}

/** The candidates that gained and lost most from the first time to the last. */
function summary(times) {
  const [first, last] = [times[0], times.at(-1)];
  const from = new Map(first.items.map((row) => [row.id, row.place]));
  const moved = last.items.map((row) => ({ ...row, from: from.get(row.id), by: from.get(row.id) - row.place }))
    .filter((row) => row.by !== 0).sort((a, b) => b.by - a.by);
  if (moved.length === 0) return `From ${first.name} to ${last.name} nothing changed its place.`;
  const line = (row) => `   ${arrow(row.by, false)}${row.title} (${row.from} → ${row.place})`;
  const shown = [...moved.slice(0, 2).filter((row) => row.by > 0), ...moved.slice(-2).filter((row) => row.by < 0)];
  return [`From ${first.name} to ${last.name}, ${moved.length} of ${last.items.length} changed places, most of all:`,
    ...shown.map(line)].join('\n');
}

function print(result, limit) {
  const { model, runtime, timing, user, times } = result;
  const ms = (value) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
  console.log([
    paint('bold', 'One feed, one history, three times of the day'),
    `${user.id}: ${user.about}`,
    paint('dim', `${user.events} events, ${user.candidates} candidates; ${model.file}, ${model.variant}, `
      + `${model.parameters.toLocaleString('en')} parameters`),
    ...times.map((time, i) => `\n${table(time, model.tasks, limit, i === 0)}`),
    '',
    summary(times),
    '',
    `Loaded in ${ms(timing.loadMs)}, first ranking ${ms(timing.firstRankMs)} (it runs the history), then `
      + `${paint('bold', ms(timing.medianRankMs))} each`,
    paint('dim', `(warm, median of ${timing.runs}) on one thread: ${runtime.build} WebAssembly in ${runtime.platform}.`),
  ].join('\n'));
}

try {
  const options = readOptions();
  if (options.help) {
    console.log(HELP);
  } else {
    const result = await rankFeed(options);
    if (options.json) console.log(JSON.stringify(result, null, 2));
    else print(result, options.limit);
  }
} catch (error) {
  const isUsage = error instanceof UsageError;
  if (!isUsage && error.name !== 'SirenRopeError') throw error;
  console.error(`rank: ${error.message}${isUsage ? ' (--help tells more)' : ''}`);
  process.exitCode = isUsage ? 2 : 1;
}
