// `siren-rope eval` against a log made here: the log is joined, ordered, split and served again in JavaScript (through
// `rank`), and the metrics are computed again, naively; the same log as event files must give the same figures. Then, where
// the real excerpt is beside the checkout, its figures.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { golden, model, rank, run, sanitized, shared, withFolder } from './program.mjs';

const tasks = ['click', 'long_view', 'like', 'profile_enter'];
const columns = ['user_id', 'video_id', 'date', 'hourmin', 'time_ms', 'is_click', 'is_like', 'is_follow', 'is_comment', 'is_forward', 'is_hate', 'long_view', 'play_time_ms', 'duration_ms', 'profile_stay_time', 'comment_stay_time', 'is_profile_enter', 'is_rand', 'tab'];
const splits = { train: [-Infinity, 1651507200000], validation: [1651507200000, 1651593600000], test: [1651593600000, Infinity] };

// Small, seeded (mulberry32), so that a failure comes again.
let seed = 12345;
function random() {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const upTo = (n) => Math.floor(random() * n);
const chance = (p) => (random() < p ? 1 : 0);

function makeRow(user, time) {
  const duration = chance(0.05) ? 0 : upTo(200000);
  return { user_id: user, video_id: upTo(300), date: 20220502, hourmin: 1200, time_ms: time, is_click: chance(0.4), is_like: chance(0.2), is_follow: 0, is_comment: 0, is_forward: 0, is_hate: 0, long_view: chance(0.3), play_time_ms: upTo(300000), duration_ms: duration, profile_stay_time: 0, comment_stay_time: 0, is_profile_enter: chance(0.2), is_rand: 0, tab: upTo(15) };
}

// Users with few and with more events than the model keeps; some events at one instant, some of one item then.
function makeRows() {
  const rows = [];
  for (const [user, n] of [[3, 5], [12, 30], [7, 75], [900, 1], [41, 62]]) {
    let time = 1651593600000 - 40 * 3600000; // before test, across all splits
    for (let i = 0; i < n; i++) {
      if (!chance(0.2)) time += upTo((200 * 3600000) / n);
      const row = makeRow(user, time);
      rows.push(row);
      if (chance(0.3)) rows.push({ ...row, is_click: 1 - row.is_click, is_like: 1 }); // the same item again: a tie
    }
  }
  return rows.map((row) => [random(), row]).sort(([a], [b]) => a - b).map(([, row]) => row);
}

const videos = new Map(Array.from({ length: 280 }, (_, i) => [i, { author: chance(0.9) ? upTo(1000) : null, tags: Array.from({ length: upTo(7) }, () => upTo(60)) }]));

const csv = (header, rows, end = '\n') => [header, ...rows].map((row) => row.join(',') + end).join('');

function writeLog(folder, rows) {
  mkdirSync(folder, { recursive: true });
  const half = Math.floor(rows.length / 2);
  const cells = (row) => columns.map((column) => row[column]);
  // The second file is gzip, has CR LF, and repeats rows of the first and its own.
  writeFileSync(join(folder, 'log_standard_1.csv'), csv(columns, rows.slice(0, half).map(cells)));
  writeFileSync(join(folder, 'log_standard_2.csv.gz'), gzipSync(csv(columns, [...rows.slice(half - 9), rows.at(-1)].map(cells), '\r\n')));
  // Other columns and another order than the owners', quotes where they must be and where they need not.
  writeFileSync(join(folder, 'video_features_basic_x.csv'), csv(['tag', 'about', '"author_id"', 'video_id'],
    [...videos].map(([id, { author, tags }]) => [tags.length > 1 ? `"${tags.join(',')}"` : tags.join(''), '"says ""hi"",\nthen goes"', author === null ? '' : `${author}.0`, id])));
  writeFileSync(join(folder, 'user_features.csv'), 'not,read\n"');
  return 10; // duplicates
}

const itemOf = ({ video_id, tab, duration_ms }) => ({ video_id, author_id: videos.get(video_id)?.author, tag: videos.get(video_id)?.tags.slice(0, 4), tab, duration_s: duration_ms / 1000 });
const actionOf = (row) => ({ click: row.is_click, long_view: row.long_view, like: row.is_like, profile_enter: row.is_profile_enter, watch_ratio: row.play_time_ms / Math.max(1, row.duration_ms) });

// Every event of the split as its own request, in the order of the serving rules.
function serve(rows, split) {
  const event = (row) => ({ time: row.time_ms, item: itemOf(row), action: actionOf(row) });
  const ordered = rows.map((row, order) => ({ ...row, order })).sort((a, b) => a.time_ms - b.time_ms || a.video_id - b.video_id || a.order - b.order);
  const served = ordered.filter(({ time_ms }) => time_ms >= splits[split][0] && time_ms < splits[split][1]);
  const requests = served.map((row) => ({
    now: row.time_ms, candidates: [{ item: itemOf(row), context: { tab: row.tab } }],
    history: ordered.filter(({ user_id, time_ms }) => user_id === row.user_id && time_ms < row.time_ms).map(event) }));
  const { status, answers } = rank(['--model', model], requests);
  assert.equal(status, 0);
  return served.map((row, i) => ({ row, probabilities: answers[i].ranked[0].probabilities }));
}

// Of [label, probability]: a label between 0 and 1 is that much of a yes and the rest of a no.
function naiveMetrics(pairs) {
  const mean = (xs) => xs.reduce((a, b) => a + b, 0) / xs.length;
  const base = mean(pairs.map(([y]) => y));
  const loss = mean(pairs.map(([y, p]) => -y * Math.log(p) - (1 - y) * Math.log(1 - p)));
  const [yes, no] = [pairs, pairs.map(([y, p]) => [1 - y, p])];
  const wins = yes.reduce((total, [y, p]) => total + y * no.reduce((sum, [z, q]) => sum + z * (p > q ? 1 : p === q ? 0.5 : 0), 0), 0);
  const bins = Array.from({ length: 15 }, (_, bin) => pairs.filter(([, p]) => Math.min(14, Math.floor(p * 15)) === bin)).filter((bin) => bin.length);
  const gaps = bins.map((bin) => (bin.length / pairs.length) * Math.abs(mean(bin.map(([y]) => y)) - mean(bin.map(([, p]) => p))));
  const n = pairs.length;
  return { base_rate: base, ne: loss / -(base * Math.log(base) + (1 - base) * Math.log(1 - base)), auc: wins / (base * n * (1 - base) * n), ece: gaps.reduce((a, b) => a + b, 0) };
}

test('a log made here: joined, ordered, split, served and measured the same in JavaScript', async () => {
  await withFolder((scratch) => {
    const rows = makeRows();
    const folder = join(scratch, 'log');
    const duplicates = writeLog(folder, rows);
    for (const split of Object.keys(splits)) {
      const { status, stdout, stderr } = run(['eval', '--model', model, '--data', folder, '--split', split, '--json']);
      assert.equal(status, 0, stderr);
      assert.equal(stderr, '');
      const told = JSON.parse(stdout);
      const served = serve(rows, split);
      assert.ok(served.length > 20);
      assert.equal(told.split, split);
      assert.equal(told.events, served.length);
      assert.equal(told.requests, new Set(served.map(({ row }) => `${row.user_id} ${row.time_ms}`)).size);
      assert.equal(told.users, new Set(served.map(({ row }) => row.user_id)).size);
      assert.equal(told.duplicates, duplicates);
      assert.deepEqual(told.tasks.map(({ task }) => task), tasks);
      for (const { task, ...found } of told.tasks) {
        const expected = naiveMetrics(served.map(({ row, probabilities }) => [row[labels[task]], probabilities[task]]));
        for (const [name, value] of Object.entries(expected))
          assert.ok(Math.abs(found[name] - value) < 1e-6, `${split} ${task} ${name}: ${found[name]}, expected ${value}`);
      }
    }
    const table = run(['eval', '--model', model, '--data', folder]);
    assert.equal(table.status, 0);
    assert.match(table.stdout, /^profile_enter +0\.\d{4} +\d\.\d{5} +0\.\d{5} +0\.\d{5}$/m);
  });
});

// The made log as event files for the same model, users one after the other, each one's events as KuaiRand's are ordered.
const { features } = JSON.parse(run(['inspect', model, '--json']).stdout).config;
const labels = { click: 'is_click', long_view: 'long_view', like: 'is_like', profile_enter: 'is_profile_enter' };
const times = { validation: '2022-05-02T16:00:00Z', test: 1651593600000 };
const order = (rows) => rows.map((row, i) => [row, i]).sort(([a, i], [b, j]) => a.user_id - b.user_id || a.time_ms - b.time_ms || a.video_id - b.video_id || i - j).map(([row]) => row);
const eventOf = (row) => ({
  user: row.user_id, time: row.time_ms, request: row.request, item: itemOf(row), action: actionOf(row), context: { tab: row.tab },
  label: Object.fromEntries(Object.values(labels).map((column) => [column, row[column]])) });

function writeEvents(folder, rows, format, more = {}) {
  mkdirSync(folder, { recursive: true });
  const events = order(rows).map(eventOf);
  writeFileSync(join(folder, 'schema.json'), JSON.stringify({ labels, features, splits: times, columns: { user: 'who' }, ...more }));
  if (format === 'ndjson') return writeFileSync(join(folder, 'events-1.ndjson'), events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  const names = ['who', 'time', 'request', ...features.item.map(({ name }) => `item.${name}`), ...features.action.map(({ name }) => `action.${name}`), 'context.tab', ...Object.values(labels)];
  const cell = (value) => (Array.isArray(value) ? value.join('|') : (value ?? ''));
  const cells = events.map(({ user, time, request, item, action, context, label }) => [user, time, request,
    ...features.item.map(({ name }) => item[name]), ...features.action.map(({ name }) => action[name]), context.tab, ...Object.values(label)].map(cell));
  return writeFileSync(join(folder, 'events-1.csv.gz'), gzipSync(csv(names, cells)));
}

const evaluate = (folder, ...more) => {
  const { status, stdout, stderr } = run(['eval', '--model', model, '--data', folder, '--json', ...more]);
  assert.equal(status, 0, stderr);
  assert.equal(stderr, '');
  return JSON.parse(stdout);
};

test('the same log as event files of either format gives the same figures, also from a cache', async () => {
  await withFolder((scratch) => {
    const rows = makeRows();
    writeLog(join(scratch, 'log'), rows);
    for (const format of ['ndjson', 'csv']) {
      writeEvents(join(scratch, format), rows, format);
      for (const split of Object.keys(splits)) {
        const asLog = evaluate(join(scratch, 'log'), '--split', split);
        for (let again = 0; again < 2; again++) {
          const asEvents = evaluate(join(scratch, format), '--split', split, '--cache', join(scratch, 'cache'));
          for (const key of ['split', 'events', 'requests', 'users', 'tasks']) assert.deepEqual(asEvents[key], asLog[key]);
          assert.equal(asEvents.duplicates, 0);
          assert.equal(asEvents.read, rows.length);
          const shared = evaluate(join(scratch, format), '--split', split, '--threads', String(2 + again));
          assert.deepEqual(shared.tasks, asEvents.tasks);
          assert.deepEqual([shared.events, shared.requests, shared.users], [asEvents.events, asEvents.requests, asEvents.users]);
        }
      }
      assert.equal(run(['eval', '--model', model, '--data', join(scratch, format), '--cache', model]).status, 1); // a model is no cache
    }
    assert.deepEqual(readdirSync(scratch).sort(), ['cache', 'csv', 'log', 'ndjson']);
  });
});

// Named requests, interleaved and with times of their own: each event sees those before its request's first event.
test('requests by name, and labels that are missing or fractions', async () => {
  await withFolder((folder) => {
    const rows = order(makeRows()).map((row) => ({ ...row, request: chance(0.8) ? `r${Math.floor(row.time_ms / 7200000) % 9}-${upTo(3)}` : undefined }));
    for (const row of rows) if (chance(0.3)) row.is_like = chance(0.5) ? null : 0.25 + 0.5 * random();
    writeEvents(folder, rows, 'ndjson');
    const served = [];
    const requests = [];
    for (const [i, row] of rows.entries()) {
      if (row.time_ms < splits.test[0]) continue;
      const user = rows.filter(({ user_id }) => user_id === row.user_id);
      const at = user.indexOf(row);
      let first = at;
      if (row.request) first = user.findIndex(({ request }) => request === row.request);
      else while (first > 0 && !user[first - 1].request && user[first - 1].time_ms === row.time_ms) first--;
      served.push([`${row.user_id} ${first}`, rows[i]]);
      requests.push({ now: row.time_ms, candidates: [{ item: itemOf(row), context: { tab: row.tab } }],
        history: user.slice(0, first).map((event) => ({ time: event.time_ms, request: event.request, item: itemOf(event), action: actionOf(event) })) });
    }
    const { status, answers } = rank(['--model', model], requests.map((request) => JSON.stringify(request)));
    assert.equal(status, 0);
    const told = evaluate(folder);
    assert.equal(told.events, served.length);
    assert.equal(told.requests, new Set(served.map(([key]) => key)).size);
    assert.ok(told.requests < 0.9 * told.events);
    for (const { task, ...found } of told.tasks) {
      const pairs = served.map(([, row], i) => [row[labels[task]], answers[i].ranked[0].probabilities[task]]).filter(([y]) => y !== null);
      assert.equal(found.labels, pairs.length);
      if (task === 'like') assert.ok(pairs.length < served.length && pairs.some(([y]) => y > 0 && y < 1));
      for (const [name, value] of Object.entries(naiveMetrics(pairs)))
        assert.ok(Math.abs(found[name] - value) < 1e-6, `${task} ${name}: ${found[name]}, expected ${value}`);
    }
  });
});

test('errors in event files name the file, the line and the value', async () => {
  await withFolder((folder) => {
    const rows = makeRows();
    const refused = (pattern, ...more) => {
      const { status, stdout, stderr } = run(['eval', '--model', model, '--data', folder, ...more]);
      assert.equal(status, 1);
      assert.equal(stdout, '');
      assert.match(stderr, pattern);
    };
    writeEvents(folder, rows, 'ndjson', { labels: ['click'] });
    refused(/the model asks for it, and schema\.json has no such label \[config at long_view\]/);
    writeEvents(folder, rows, 'ndjson', { splits: { validation: times.validation } });
    refused(/\[config at schema\.json, splits\.test\]/);
    writeEvents(folder, rows, 'ndjson', { splits: { validation: '2030-01-01', test: '2030-01-01' } });
    refused(/expected events in this split, found none among \d+ \[value at validation\]/, '--split', 'validation');
    writeEvents(folder, rows, 'ndjson');
    writeFileSync(join(folder, 'events-2.ndjson'), '\n{"user":1,"time":1,"item":{"tab":99}}\n');
    refused(/expected an integer from 0 to 15, found 99 \[feature at events-2\.ndjson line 2, item\.tab\]/);
  });
});

test('what is not defined is null, and an empty log or split is a clear error', async () => {
  await withFolder((folder) => {
    writeFileSync(join(folder, 'log_a.csv'), csv(columns, []));
    const evaluate = (...more) => run(['eval', '--model', model, '--data', folder, ...more]);
    assert.equal(evaluate().status, 1);
    assert.match(evaluate().stderr, /at least one event, found none \[format at /);
    const row = { ...makeRow(1, 1651600000000), is_click: 1 };
    writeFileSync(join(folder, 'log_a.csv'), csv(columns, [columns.map((column) => row[column])]));
    const told = JSON.parse(evaluate('--json').stdout);
    assert.deepEqual([told.events, told.tasks[0].base_rate, told.tasks[0].auc, told.tasks[0].ne], [1, 1, null, null]);
    assert.match(evaluate().stdout, /^click +1\.0000 +undefined +undefined +0\.\d{5}$/m);
    assert.match(evaluate().stderr, /no video_features_basic/);
    const empty = evaluate('--split', 'train');
    assert.equal(empty.status, 1);
    assert.match(empty.stderr, /expected events in this split, found none among 1 \[value at train\]/);
  });
});

test('files that are no such log end in typed errors with file and line', async () => {
  await withFolder((folder) => {
    const cells = (change) => columns.map((column) => ({ ...makeRow(1, 1651600000000), ...change })[column]);
    const refused = (bytes, pattern, name = 'log_a.csv') => {
      writeFileSync(join(folder, name), bytes);
      const { status, stdout, stderr } = run(['eval', '--model', model, '--data', folder]);
      assert.equal(status, 1, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, pattern);
    };
    assert.match(run(['eval', '--model', model, '--data', folder]).stderr, /expected event files with their schema\.json, or a KuaiRand log \(log_\*\.csv, plain or \.gz\), found neither \[io at /);
    assert.match(run(['eval', '--model', model, '--data', join(folder, 'none')]).stderr, /\[io at /);
    assert.match(run(['eval', '--model', model, '--data', folder, '--split', 'all']).stderr, /\[argument at --split\]/);
    refused('', /empty file \[format at log_a\.csv line 1\]/);
    refused(csv(columns.slice(1), []), /column "user_id" in the header, found none \[format at log_a\.csv line 1\]/);
    refused(csv(columns, [cells(), cells().slice(1)]), /expected 19 fields as in the header, found 18 \[format at log_a\.csv line 3\]/);
    refused(csv(columns, [cells({ time_ms: '2022-05-04' })]), /whole number.*column time_ms, found "2022-05-04" \[format at log_a\.csv line 2\]/);
    refused(csv(columns, [cells({ user_id: '99999999999999999999' })]), /column user_id.*\[format/);
    refused(csv(columns, [cells({ user_id: '' })]), /column user_id, found "" \[format/);
    refused(csv(columns, [cells({ is_click: 2 })]), /expected 0 or 1 in column is_click, found "2" \[format/);
    refused(csv(columns, [cells({ tab: 99 })]), /\[feature at user 1 at 1651600000000 ms\.item\.tab\]/);
    refused(csv(columns, [cells({ date: '"open' })]), /closing quote.*\[format at log_a\.csv line 2\]/);
    refused(csv(columns, [cells({ date: '"a"b' })]), /\[format at log_a\.csv line 2\]/);
    refused(csv(columns, [cells({ date: 'a"b' })]), /\[format at log_a\.csv line 2\]/);
    refused(csv(columns, [cells({ date: 'a\rb' })]), /line feed.*\[format/);
    refused(csv(columns, [cells({ date: '\0' })]), /NUL.*\[format/);
    refused(csv(columns, [cells({ date: 'x'.repeat(2 << 20) })]), /\[limit at log_a\.csv line 2\]/);
    refused(`${'a,'.repeat(5000)}a\n`, /1024 fields \[limit at log_a\.csv line 1\]/);
    writeFileSync(join(folder, 'log_a.csv'), csv(columns, [cells()]));
    refused('video_id,author_id,tag\n1,2,1;2\n', /whole numbers with commas.*column tag, found "1;2" \[format at video_features_basic\.csv line 2\]/, 'video_features_basic.csv');
    refused('video_id,tag\n1,2\n', /column "author_id" in the header, found none/, 'video_features_basic.csv');
  });
});

test('a damaged gzip file is an error', async () => {
  await withFolder((folder) => {
    const rows = Array.from({ length: 3000 }, (_, i) => columns.map((column) => makeRow(1, 1651600000000 + i)[column]));
    const bytes = gzipSync(csv(columns, rows));
    for (const broken of [bytes.subarray(0, bytes.length / 2), Buffer.concat([bytes.subarray(0, 5000), Buffer.alloc(100, 7), bytes.subarray(5100)])]) {
      writeFileSync(join(folder, 'log_a.csv.gz'), broken);
      const { status, stderr } = run(['eval', '--model', model, '--data', folder]);
      assert.equal(status, 1);
      assert.match(stderr, /\[(io|format) at log_a\.csv\.gz line \d+\]/);
    }
  });
});

// Measures a model on the real excerpt's test split; undefined (and the test skipped) where the excerpt is not there.
function measureExcerpt(t, path) {
  const folder = join(shared, 'data/kuairand-pure-part');
  if (!existsSync(folder) || !existsSync(path)) return t.skip(`SKIPPED: there is no ${existsSync(folder) ? path : folder}`);
  if (sanitized) return t.skip('SKIPPED: takes minutes with sanitizers');
  const { status, stdout, stderr } = run(['eval', '--model', path, '--data', folder, '--json']);
  assert.equal(status, 0, stderr);
  const told = JSON.parse(stdout);
  t.diagnostic(stdout);
  assert.deepEqual([told.events, told.requests, told.duplicates], [72655, 72047, 5460]);
  return told;
}

test('the bundled model gives the figures of its card on the real excerpt', (t) => {
  const told = measureExcerpt(t, model);
  if (!told) return;
  const card = readFileSync(model.replace('.safetensors', '.md'), 'utf8');
  for (const { task, base_rate, ne, auc } of told.tasks) {
    const [, ...figures] = card.match(new RegExp(`^\\| ${task} \\| ([\\d.]+) \\| ([\\d.]+) \\| ([\\d.]+) \\|`, 'm'));
    [base_rate, ne, auc].forEach((value, i) => assert.ok(Math.abs(value - figures[i]) <= 1e-4, `${task}: ${value}, its card says ${figures[i]}`));
  }
});

test('a model trained in PyTorch gives the figures written beside it on the real excerpt, in under a minute', (t) => {
  const told = measureExcerpt(t, join(shared, 'models/kuairand-excerpt.safetensors'));
  if (!told) return;
  const figures = { click: [0.4448, 0.87656, 0.72729], long_view: [0.3131, 0.88282, 0.72779], like: [0.0163, 0.89407, 0.76153], profile_enter: [0.0181, 0.96189, 0.67147] };
  for (const { task, base_rate, ne, auc } of told.tasks)
    [base_rate, ne, auc].forEach((value, i) => assert.ok(Math.abs(value - figures[task][i]) <= 1e-4, `${task}: ${value}, expected ${figures[task][i]}`));
  assert.ok(told.cpu_seconds < 60, `${told.cpu_seconds} s`); // on one thread; the clock on the wall counts what else runs
});

test('a model that asks for what no log has is refused', async () => {
  await withFolder((folder) => {
    writeFileSync(join(folder, 'log_a.csv'), csv(columns, []));
    const { status, stderr } = run(['eval', '--model', golden('siren-small', 'model'), '--data', folder]);
    assert.equal(status, 1);
    assert.match(stderr, /raw vectors.*\[config at features\]/);
    const bytes = readFileSync(model);
    for (const [from, to] of [['"duration_s"', '"duration_x"'], ['"labels":["click"', '"labels":["clock"'], ['"watch_ratio"', '"video_id_xx"']]) {
      assert.ok(bytes.indexOf(from.replaceAll('"', '\\"')) > 0 && from.length === to.length);
      const changed = Buffer.from(bytes);
      changed.write(to.replaceAll('"', '\\"'), bytes.indexOf(from.replaceAll('"', '\\"')));
      writeFileSync(join(folder, 'model'), changed);
      assert.match(run(['eval', '--model', join(folder, 'model'), '--data', folder]).stderr, /a KuaiRand log has no such .*\[config at /);
    }
  });
});
