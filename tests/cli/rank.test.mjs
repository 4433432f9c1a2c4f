// `siren-rope rank`: the stream and its answers, every kind of bad line, and the bounds on memory.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { golden, model, program, rank, readTensors, root, rowOf, run, sanitized, sigmoid, start } from './program.mjs';

const noon = 1651492800000;
const event = (minutes, video, more) => ({ time: noon - minutes * 60000, item: { video_id: video, author_id: video % 7, tag: [video % 50, 3], tab: 1, duration_s: 20 + video }, action: { click: video % 2, watch_ratio: 0.7 }, context: { tab: 1 }, ...more });
const candidate = (video, more) => ({ id: `v${video}`, item: { video_id: video, author_id: 3, tag: video % 50, tab: 1, duration_s: 15 }, context: { tab: 1 }, ...more });
const request = (more) => ({ id: 'r', now: noon, history: [event(30, 1), event(20, 2), event(10, 3)], candidates: [candidate(10), candidate(11), candidate(12), candidate(13)], ...more });
const only = (more, args = []) => {
  const { status, answers, stderr } = rank(['--model', model, ...args], [request(more)]);
  assert.equal(status, 0, stderr + JSON.stringify(answers));
  assert.equal(answers.length, 1);
  return answers[0];
};
const inOrder = ({ ranked }) => ranked.toSorted((a, b) => a.index - b.index);
const close = (a, b, tolerance, what) => assert.ok(Math.abs(a - b) <= tolerance, `${what}: ${a} and ${b}`);

test('an answer is best first, with scores that are sums of weight times probability', () => {
  const { id, ranked } = only();
  assert.equal(id, 'r');
  assert.equal(ranked.length, 4);
  for (const [i, item] of ranked.entries()) {
    assert.deepEqual(Object.keys(item), ['id', 'index', 'score', 'probabilities']);
    assert.deepEqual(Object.keys(item.probabilities), ['click', 'long_view', 'like', 'profile_enter']);
    assert.equal(item.id, `v${10 + item.index}`);
    if (i > 0) assert.ok(ranked[i - 1].score >= item.score);
    close(item.score, Object.values(item.probabilities).reduce((a, b) => a + b), 1e-6, 'score');
  }
  assert.equal(new Set(ranked.map(({ index }) => index)).size, 4);
  const weighted = only({}, ['--weights', 'like=2,click=-0.5']);
  for (const { score, probabilities } of weighted.ranked) close(score, 2 * probabilities.like - 0.5 * probabilities.click, 1e-7, 'weighted');
  assert.notDeepEqual(weighted.ranked.map(({ index }) => index), ranked.map(({ index }) => index));
  assert.deepEqual(only({}, ['--limit', '2']).ranked, ranked.slice(0, 2));
  assert.deepEqual(only({}, ['--limit', '9']).ranked, ranked);
});

test('the model moves with what it is told: history, actions, time', () => {
  const score = (more) => inOrder(only(more))[0].score;
  const plain = score();
  for (const more of [{ history: [] }, { now: noon + 6 * 3600000 }, { history: [event(30, 1), event(20, 2), event(10, 3, { action: { click: 0, like: 1, watch_ratio: 2 } })] }])
    assert.ok(Math.abs(score(more) - plain) > 1e-4, JSON.stringify(more));
});

test('probabilities are those of `score` on the same numbers, for a model without a schema', () => {
  const folder = 'siren-semantic';
  const io = readTensors(golden(folder, 'io'));
  const names = ['s0', 's1'];
  const named = (row) => Object.fromEntries(row.map((x, i) => [names[i], x]));
  const history = io['history.timestamp'].data.map((time, i) => ({
    time: time * 1000, item: rowOf(io['history.item'], i), action: rowOf(io['history.action'], i), context: rowOf(io['history.context'], i), signal: i % 2 ? rowOf(io['history.signal'], i) : named(rowOf(io['history.signal'], i)) }));
  const candidates = Array.from({ length: io['candidate.item'].shape[0] }, (_, i) => ({
    item: rowOf(io['candidate.item'], i), context: rowOf(io['candidate.context'], i), signal: named(rowOf(io['candidate.signal'], i)) }));
  const { status, answers: [answer] } = rank(['--model', golden(folder, 'model')], [{ now: io.now.data[0] * 1000, history, candidates }]);
  assert.equal(status, 0);
  assert.equal(answer.id, null);
  for (const { id, index, probabilities } of answer.ranked) {
    assert.equal(id, null);
    rowOf(io['rank.logits'], index).forEach((logit, task) => close(Object.values(probabilities)[task], sigmoid(logit), 1e-5, `candidate ${index}`));
  }
});

test('numbers are the shortest that read back', () => {
  const line = run(['rank', '--model', model], `${JSON.stringify(request())}\n`).stdout;
  const texts = [...line.matchAll(/"(?:click|long_view|like|profile_enter)":([^,}]+)/g)].map(([, text]) => text);
  assert.equal(texts.length, 16);
  for (const text of texts) {
    const x = Math.fround(Number(text));
    assert.notEqual(x, 0);
    const digits = text.replace(/e.*/, '').replace(/^0\.0*|\./, '').length;
    assert.ok(digits <= 9, text);
    assert.notEqual(Math.fround(Number(x.toPrecision(Math.max(1, digits - 1)))), x, `${text} could be shorter`);
  }
});

test('times are milliseconds or ISO 8601, ids and request names of any kind come through', () => {
  const plain = only();
  const iso = (ms) => new Date(ms).toISOString();
  const history = request().history.map((one) => ({ ...one, time: iso(one.time) }));
  assert.deepEqual(only({ now: iso(noon), history }), plain);
  for (const id of ['ü "\\\n\u0001', 7, -1.5, 12345678901234567890n, true, null, ''])
    assert.deepEqual(rank(['--model', model], [`{"id":${typeof id === 'bigint' ? id : JSON.stringify(id)},"now":1,"candidates":[]}`]).answers, [{ id: typeof id === 'bigint' ? Number(id) : id, ranked: [] }]);
  assert.match(run(['rank', '--model', model], '{"id":123456789012345678901234567890,"now":1,"candidates":[]}\n').stdout, /"id":123456789012345678901234567890,/);
  const same = (names) => inOrder(only({ history: [event(30, 1, { request: names[0] }), event(30, 2, { request: names[1] }), event(10, 3)] })).map(({ score }) => score);
  assert.deepEqual(same([5, '5']), same(['a', 'a']), 'an integer and its text are one name');
  assert.deepEqual(same([null, undefined]), same(['a', 'a']), 'equal times without names are one request');
  assert.notDeepEqual(same(['a', 'b']), same(['a', 'a']));
});

test('offsets: an event\'s own, else the request\'s', () => {
  const scores = (more) => inOrder(only(more)).map(({ score }) => score);
  const { history } = request();
  const everywhere = scores({ utc_offset_minutes: 480 });
  assert.notDeepEqual(everywhere, scores());
  assert.deepEqual(scores({ utc_offset_minutes: 480, history: history.map((one) => ({ ...one, utc_offset_minutes: 480 })) }), everywhere);
  assert.notDeepEqual(scores({ utc_offset_minutes: 480, history: history.map((one) => ({ ...one, utc_offset_minutes: 0 })) }), everywhere);
});

test('edges: no candidates, no history, blank lines, CR LF, no newline at the end, the last of two names counts', () => {
  assert.deepEqual(only({ candidates: [] }).ranked, []);
  assert.deepEqual(only({ history: undefined }), only({ history: [] }));
  assert.deepEqual(only({ history: null }), only({ history: [] }));
  const { status, stdout } = run(['rank', '--model', model], '\n  \r\n{"id":1,"now":1,"candidates":[]}\r\n\t\n{"id":2,"id":3,"now":1,"candidates":[]}');
  assert.equal(status, 0);
  assert.equal(stdout, '{"id":1,"ranked":[]}\n{"id":3,"ranked":[]}\n');
  assert.deepEqual(run(['rank', '--model', model], ''), { status: 0, stdout: '', stderr: '' });
});

test('a history that is too long is cut to the newest, a candidate does not depend on the others', () => {
  const history = Array.from({ length: 70 }, (_, i) => event(100 - i, i + 1));
  assert.deepEqual(only({ history }), only({ history: history.slice(20) }));
  assert.notDeepEqual(only({ history }), only({ history: history.slice(21) }));
  const many = Array.from({ length: 700 }, (_, i) => candidate(i));
  const together = inOrder(only({ candidates: many }));
  for (const i of [0, 255, 256, 699]) assert.deepEqual(only({ candidates: [many[i]] }).ranked[0].probabilities, together[i].probabilities);
});

test('decreasing times are sorted when asked, stably', () => {
  const [a, b, c] = [event(30, 1), event(20, 2), event(20, 3)];
  assert.deepEqual(only({ history: [b, c, a] }, ['--sort-history']), only({ history: [a, b, c] }));
  assert.deepEqual(only({ history: [c, a, b] }, ['--sort-history']), only({ history: [a, c, b] }));
});

test('--explain is leave-one-out, and names events by their place in the request', () => {
  const history = Array.from({ length: 60 }, (_, i) => event(100 - i, i + 1));
  const swapped = [...history.slice(0, 20), history[21], history[20], ...history.slice(22)]; // sorted back
  const args = ['--explain', '--sort-history', '--limit', '2', '--weights', 'click=1,like=-2'];
  const { ranked } = only({ history: swapped }, args);
  assert.equal(ranked.length, 2);
  const kept = history.slice(10); // what 50 events leave
  const named = (events) => events.map((one) => ({ ...one, request: one.time }));
  for (const { index, score, explanation } of ranked) {
    assert.equal(explanation.events.length, 5);
    const without = kept.map((_, left) => inOrder(only({ history: named(kept.filter((_, i) => i !== left)) }, args.slice(-2)))[index].score);
    const expected = without.map((less, i) => [i + 10, score - less]).toSorted((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
    explanation.events.forEach(({ index: at, influence }, i) => {
      close(influence, expected[i][1], 1e-6, 'influence');
      const original = at === 20 ? 21 : at === 21 ? 20 : at;
      assert.equal(original, expected[i][0]);
    });
    const newest = kept.at(-1).time;
    const frozen = inOrder(only({ now: newest, history: named(kept).map((one) => ({ ...one, time: newest })) }, args.slice(-2)))[index].score;
    close(explanation.timeless, frozen, 1e-6, 'timeless');
  }
  assert.deepEqual(only({ history: [] }, ['--explain']).ranked[0].explanation.events, []);
});

test('--strict refuses names that nothing uses', () => {
  only();
  const cases = [
    [{ nwo: 1 }, 'nwo'],
    [{ candidates: [candidate(1), candidate(2, { itme: {} })] }, 'candidates[1].itme'],
    [{ candidates: [candidate(1, { item: { tga: [1] } })] }, 'candidates[0].item.tga'],
    [{ history: [event(5, 1, { action: { clik: 1 } })] }, 'history[0].action.clik'],
    [{ history: [event(5, 1, { signal: { mood: 1 } })] }, 'history[0].signal.mood'],
  ];
  for (const [more, where] of cases) {
    only(more); // without it they are ignored
    const { status, answers: [answer] } = rank(['--model', model, '--strict'], [request(more)]);
    assert.equal(status, 1);
    assert.equal(answer.id, 'r');
    assert.deepEqual([answer.error.code, answer.error.where], ['feature', where]);
  }
  only({}, ['--strict']);
});

const bad = { // file: code, where, and the id where it is not "x"
  'truncated': ['json', /^byte \d+$/, null],
  'not-json': ['json', 'byte 0', null],
  'two-values': ['json', 'byte 35', null],
  'comment': ['json', 'byte 10', null],
  'nan': ['json', 'byte 16', null],
  'broken-utf8': ['json', /^byte (39|40)$/, null],
  'broken-utf8-overlong': ['json', /^byte (39|40)$/, null],
  'lone-surrogate': ['json', /^byte \d+$/, null],
  'nul-byte': ['json', 'byte 18', null],
  'deep': ['limit', /^byte \d+$/, null],
  'list': ['json', '', null],
  'number': ['json', '', null],
  'id-object': ['json', 'id', null],
  'no-now': ['json', 'now'],
  'now-null': ['json', 'now'],
  'now-boolean': ['json', 'now'],
  'now-text': ['time', 'now'],
  'now-infinite': ['time', 'now'],
  'now-too-far': ['time', 'now'],
  'offset-text': ['json', 'utc_offset_minutes'],
  'offset-too-far': ['value', 'utc_offset_minutes'],
  'no-candidates': ['json', 'candidates'],
  'candidates-object': ['json', 'candidates'],
  'history-text': ['json', 'history'],
  'candidate-number': ['json', 'candidates[0]'],
  'candidate-id-list': ['json', 'candidates[1].id'],
  'item-list': ['json', 'candidates[1].item'],
  'item-text': ['json', 'candidates[1].item'],
  'feature-object': ['feature', 'candidates[1].item.video_id'],
  'feature-nested-list': ['feature', 'candidates[1].item.tag[1]'],
  'feature-fraction': ['feature', 'candidates[1].item.video_id'],
  'feature-infinite': ['feature', 'candidates[1].item.duration_s'],
  'feature-negative-infinite': ['feature', 'candidates[1].item.duration_s'],
  'feature-huge-integer': ['feature', 'candidates[1].item.video_id'],
  'feature-text-for-number': ['feature', 'candidates[1].item.duration_s'],
  'index-out-of-range': ['feature', 'candidates[1].item.tab'],
  'context-index-negative': ['feature', 'candidates[1].context.tab'],
  'event-null': ['json', 'history[0]'],
  'event-no-time': ['json', 'history[0].time'],
  'event-time-text': ['time', 'history[0].time'],
  'event-time-list': ['json', 'history[1].time'],
  'times-decrease': ['time', 'history[2].time'],
  'action-text': ['feature', 'history[0].action.click'],
  'action-list': ['json', 'history[0].action'],
  'event-context-wrong': ['feature', 'history[0].context.tab'],
  'event-request-fraction': ['json', 'history[0].request'],
  'event-request-object': ['json', 'history[0].request'],
  'event-offset-too-far': ['value', 'history[1].utc_offset_minutes'],
  'old-event-wrong': ['feature', 'history[0].item.tab'],
};
const badRaw = {
  'raw-item-object': ['json', 'candidates[0].item'],
  'raw-item-short': ['feature', 'candidates[0].item'],
  'raw-item-null': ['json', 'candidates[0].item'],
  'raw-item-text-inside': ['json', 'candidates[0].item[2]'],
  'raw-item-over-float32': ['value', 'candidates[0].item[1]'],
  'raw-context-long': ['feature', 'candidates[0].context'],
  'raw-action-missing': ['json', 'history[0].action'],
  'raw-signal-short': ['feature', 'candidates[0].signal'],
  'raw-signal-text': ['json', 'candidates[0].signal'],
  'raw-signal-value': ['json', 'candidates[0].signal.s1'],
};

for (const [what, cases, path, good] of [
  ['with a schema', bad, model, JSON.stringify(request())],
  ['without one', badRaw, golden('siren-semantic', 'model'), JSON.stringify({ id: 'r', now: 1, candidates: [{ item: Array(24).fill(0.1), context: Array(8).fill(0) }] })],
]) {
  test(`bad lines for a model ${what}: each is answered in its place, and the next is as if it had not been`, () => {
    const parts = [];
    for (const name of Object.keys(cases)) parts.push(readFileSync(join(root, 'tests/cli/lines', `${name}.json`)), Buffer.from(`${good}\n`));
    const { status, stdout, stderr } = run(['rank', '--model', path], Buffer.concat(parts));
    const lines = stdout.trim().split('\n');
    assert.equal(status, 1);
    assert.match(stderr, new RegExp(`${Object.keys(cases).length} of ${lines.length} requests were wrong`));
    assert.equal(lines.length, 2 * Object.keys(cases).length);
    Object.entries(cases).forEach(([name, [code, where, id = 'x']], i) => {
      const { error, ...rest } = JSON.parse(lines[2 * i]);
      assert.deepEqual(rest, { id }, name);
      assert.equal(error?.code, code, `${name}: ${lines[2 * i]}`);
      if (where instanceof RegExp) assert.match(error.where, where, name);
      else assert.equal(error.where, where, `${name}: ${lines[2 * i]}`);
      assert.ok(error.message.length > 10);
      assert.equal(lines[2 * i + 1], lines[1], `after ${name}`);
    });
    assert.equal(JSON.parse(lines[1]).id, 'r');
  });
}

test('every saved line is tried', () => {
  const saved = readdirSync(join(root, 'tests/cli/lines')).map((name) => name.replace('.json', ''));
  assert.deepEqual(saved.toSorted(), Object.keys({ ...bad, ...badRaw }).toSorted());
});

test('wrong weights end before any request', () => {
  for (const text of ['likes=1', 'like', 'like=', 'like=x', 'like=1;click=2', 'like=nan', 'like=1e999']) {
    const { status, stdout, stderr } = run(['rank', '--model', model, '--weights', text], `${JSON.stringify(request())}\n`);
    assert.equal(status, 1, text);
    assert.equal(stdout, '');
    assert.match(stderr, /\[argument at --weights\]/);
  }
});

test('threads change no digit, also of a request that is large enough for them', () => {
  const long = { history: Array.from({ length: 40 }, (_, i) => event(400 - i, i)), candidates: Array.from({ length: 300 }, (_, i) => candidate(i)) };
  for (const more of [{}, long]) {
    const alone = only(more);
    for (const n of ['1', '2', '5']) assert.deepEqual(only(more, ['--threads', n]), alone);
  }
  for (const wrong of ['0', '1025', 'two']) assert.equal(run(['rank', '--model', model, '--threads', wrong]).status, 2);
});

test('bounds are options', () => {
  const refused = (args, more, where) => {
    const { status, answers: [answer] } = rank(['--model', model, ...args], [request(more)]);
    assert.equal(status, 1);
    assert.deepEqual([answer.id, answer.error.code, answer.error.where], ['r', 'limit', where]);
  };
  refused(['--max-candidates', '3'], {}, 'candidates');
  refused(['--max-events', '2'], {}, 'history');
  only({}, ['--max-candidates', '4', '--max-events', '3']);
  refused([], { candidates: Array(100001).fill({ item: {} }) }, 'candidates');
  const line = '{"id":1,"now":1,"candidates":[]}';
  assert.equal(rank(['--model', model, '--max-line-bytes', String(line.length)], [line]).status, 0);
  const { status, answers } = rank(['--model', model, '--max-line-bytes', String(line.length - 1)], [line, '{"now":1,"candidates":[]}', line]);
  assert.equal(status, 1);
  assert.deepEqual(answers.map(({ error, ranked }) => error?.code ?? ranked), ['limit', [], 'limit']);
});

// ---------------------------------------------------------------- the stream itself

// The most memory the process has held so far, in KiB.
const peak = (child) => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]);

const write = async (child, text) => child.stdin.write(text) || once(child.stdin, 'drain');

test('an answer comes before the next request is sent', async () => {
  const child = start(['rank', '--model', model]);
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  for (let i = 0; i < 5; i++) {
    child.stdin.write(`${JSON.stringify({ ...request(), id: i })}\n`);
    assert.equal(JSON.parse((await answers.next()).value).id, i);
  }
  const text = `${JSON.stringify({ ...request(), id: 'two parts' })}\n`;
  child.stdin.write(text.slice(0, 100));
  await new Promise((done) => setTimeout(done, 50));
  child.stdin.write(text.slice(100));
  assert.equal(JSON.parse((await answers.next()).value).id, 'two parts');
  child.stdin.end();
  assert.deepEqual(await once(child, 'close'), [0, null]);
});

test('a long stream keeps its order and runs in constant memory', async () => {
  const n = sanitized ? 20000 : 200000;
  const child = start(['rank', '--model', model]);
  const full = JSON.stringify(request()).replace('"id":"r"', '"id":#');
  const short = JSON.stringify(request({ candidates: [] })).replace('"id":"r"', '"id":#');
  let next = 0;
  let early;
  let late;
  const read = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.startsWith(next % 1000 === 999 ? `{"id":null,"error"` : `{"id":${next},"ranked"`)) assert.fail(`answer ${next}: ${line}`);
      next++;
      if (next === n / 10) early = peak(child);
      if (next === n) {
        late = peak(child);
        child.stdin.end();
      }
    }
  })();
  for (let i = 0; i < n; i += 1000) {
    const lines = Array.from({ length: 1000 }, (_, j) => (j === 999 ? '{"id":1,' : (j % 20 ? short : full).replace('#', i + j)));
    await write(child, `${lines.join('\n')}\n`);
  }
  await read;
  const status = child.exitCode ?? (await once(child, 'exit'))[0];
  assert.equal(next, n);
  assert.equal(status, 1);
  assert.ok(late - early < 1024, `${early} KiB after a tenth of ${n} lines, ${late} KiB at the end`);
});

for (const [limit, most, args] of [['the default limit', 200, []], ['a limit of 1 MB', 24, ['--max-line-bytes', '1000000']]]) {
  test(`a line of 100 MB over ${limit} is skipped without being kept`, async () => {
    const child = start(['rank', '--model', model, ...args]);
    const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.stdin.write(`${JSON.stringify(request())}\n`);
    const plain = (await answers.next()).value;
    const before = peak(child);
    await write(child, '{"id":"long","pad":"');
    for (let i = 0; i < 100; i++) await write(child, 'x'.repeat(1000000));
    await write(child, `"}\n${JSON.stringify(request())}\n`);
    const { id, error } = JSON.parse((await answers.next()).value);
    assert.deepEqual([id, error.code, error.where], [null, 'limit', '']);
    assert.equal((await answers.next()).value, plain);
    const grown = (peak(child) - before) / 1024;
    assert.ok(sanitized || grown < most, `memory grew by ${grown} MiB`);
    child.stdin.end();
    assert.deepEqual(await once(child, 'close'), [1, null]);
  });
}

test('a request of 60 MB within the limit is answered', () => {
  const { status, answers: [answer] } = rank(['--model', model], [request({ pad: 'x'.repeat(60e6) })]);
  assert.equal(status, 0);
  assert.equal(answer.ranked.length, 4);
});

test('output that cannot be written is a failure', () => {
  const full = openSync('/dev/full', 'w');
  const { status, stderr } = spawnSync(program, ['rank', '--model', model], { input: `${JSON.stringify(request())}\n`, stdio: ['pipe', full, 'pipe'], encoding: 'utf8' });
  assert.equal(status, 1);
  assert.match(stderr, /\[io at standard output\]/);
});
