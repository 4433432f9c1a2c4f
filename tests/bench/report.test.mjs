// What the benchmark's figures are made of, without measuring: operations against counts by hand, made models, agreement, targets, and
// the report's three forms.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-node';
import { CASES, madeModel, readRequest, requestBytes } from './cases.mjs';
import { chart } from './chart.mjs';
import { earlierFeeds, exportOnnx, feeds, readModel } from './export-onnx.mjs';
import { flops } from './flops.mjs';
import { exponent } from './growth.mjs';
import { checksum, difference, median, topOverlap } from './measure.mjs';
import { runPart } from './onnxruntime.mjs';
import { markdownReport, textReport } from './report.mjs';
import { parseSafetensors, writeSafetensors } from './safetensors.mjs';
import { checkTargets } from './targets.mjs';
import { ordinalCopy } from './weights.mjs';

test('operations of a small model, counted by hand', () => {
  // D = 4, H = 1, L = 1, X = 3, Y = 2, Z = 5, T = 1, feed-forward 16, head 13 -> 7 -> 6 -> 1, two angle features
  const model = readModel(madeModel({ D: 4, H: 1, L: 1, X: 3, Y: 2, Z: 5, labels: ['a'], head: [7, 6], features: ['sin_day', 'cos_day'], maxHistory: 8, seed: 1 }));
  const branch = 2 * 64 + 64 * 64 + 64 * 64 + 64 * 2;
  const angles = 2 * 2 * 2 * branch; // two networks of two branches
  const actions = 2 * (2 * 64 + 64 * 64 + 64 * 4);
  const event = 2 * 3 * 4 + actions + 2 * (4 * 16 + 2 * 4 * 16) + 2 * 2 * 16 + angles; // item, actions, layer, action attention's k and v
  const C = 3, N = 2;
  const history = 3 * event + 4 * 4 * (0 + 1 + 2); // the causal half
  const head = 2 * (8 * 7 + 7 * 6 + 6 * 1);
  const candidate = 2 * 3 * 4 + 2 * (2 * 16 + 2 * 4 * 16) + 4 * 4 * C + 2 * 2 * 16 + 4 * 4 * C + head;
  const warm = 2 * candidate + 2 * 5 * 7 + angles; // the context's part of the head and the angles once
  assert.deepEqual(flops(model, C, N), { request: history + warm, warm, append: warm + event + 4 * 4 * 2 });
});

test('the paper\'s sizes take what was counted for them elsewhere, and a history anew where there is `order`', () => {
  const paper = CASES.find(({ name }) => name === 'paper');
  const { request, warm, append } = flops(readModel(paper.bytes()), paper.C, paper.N);
  const sharedHead = 2 * 64 * 512 * 199;
  assert.ok(Math.abs(request + sharedHead - 334e6) < 2e6, `${request}`);
  assert.ok(Math.abs(request - warm - 50e6) < 1e6, `${request - warm}`);
  assert.equal(append, request);
});

test('made models: the sizes asked for, the same bytes every time, finite logits of order 1 that every part moves', async () => {
  const sizes = { D: 64, H: 2, L: 2, head: [96, 48], maxHistory: 12, seed: 5 };
  const bytes = madeModel(sizes);
  assert.deepEqual(madeModel(sizes), bytes);
  const model = readModel(bytes);
  const request = readRequest(requestBytes(model, { C: 12, N: 9, seed: 6 }));
  const logitsOf = async (from) => {
    const { logits } = await runPart(ort, exportOnnx(from, { C: 12, N: 9, sharedContext: true }), feeds(from, request, 'request', { sharedContext: true }));
    return logits.data;
  };
  const logits = await logitsOf(model);
  const rms = Math.sqrt(logits.reduce((sum, x) => sum + x * x, 0) / logits.length);
  assert.ok(rms > 0.1 && rms < 3, `rms ${rms}`);
  for (const name of Object.keys(model.tensors).filter((tensor) => tensor.endsWith('.weight'))) {
    const { data, shape } = model.tensors[name];
    const without = { ...model, tensors: { ...model.tensors, [name]: { data: data.map((x) => 0.9 * x), shape } } };
    assert.ok(difference(await logitsOf(without), logits) > 1e-4, `${name} does not matter`);
  }
  const ordinal = readModel(ordinalCopy(bytes));
  assert.equal(ordinal.config.variant, 'ordinal');
  assert.ok(difference(await logitsOf(ordinal), logits) > 1e-3);
  assert.equal(CASES.length, 3);
});

test('the medium case has 5.5 million parameters', () => {
  const { tensors } = readModel(CASES.find(({ name }) => name === 'medium').bytes());
  const parameters = Object.values(tensors).reduce((sum, { data }) => sum + data.length, 0);
  assert.ok(Math.abs(parameters - 5.5e6) < 0.1e6, `${parameters}`);
});

test('an appended event of the same request as the one before is refused: the graph would let it see that one', () => {
  const model = readModel(readFileSync(new URL('../golden/vectors/siren-requests/model.safetensors', import.meta.url)));
  const request = readRequest(requestBytes(model, { C: 4, N: 2, seed: 1 }));
  request.history.time_s[3] = request.history.time_s[2];
  assert.throws(() => feeds(model, request, 'append'), /same request/);
  assert.equal(earlierFeeds(model, request)['history.item'].dims[0], 3);
});

test('tensors come back from a file as they went in', () => {
  const tensors = { a: { data: Float32Array.of(1, -2.5), shape: [2] }, b: { data: Float64Array.of(1e300), shape: [] } };
  const { tensors: found, metadata } = parseSafetensors(writeSafetensors(tensors, { key: 'text' }));
  assert.deepEqual(found, tensors);
  assert.deepEqual(metadata, { key: 'text' });
});

test('agreement: differences, numbers that are none, lengths, the best ten', () => {
  assert.equal(difference([1, 2], [1, 2.5]), 0.5);
  assert.equal(difference([1, NaN], [1, 2]), Infinity);
  assert.equal(difference([1], [1, 2]), Infinity);
  assert.equal(topOverlap(Float32Array.of(5, 4, 3, 2, 1), Float32Array.of(5, 4, 3, 2, 1), 1, 2), 1);
  assert.equal(topOverlap(Float32Array.of(5, 1, 3, 2, 4), Float32Array.of(5, 4, 3, 2, 1), 1, 2), 0.5);
  assert.equal(checksum(Float32Array.of(0)), '4b95f515'); // FNV-1a of four zero bytes
  assert.equal(median([3, 1, 2]), 2);
  assert.ok(Math.abs(exponent([[1, 2], [2, 8], [4, 32]]) - 2) < 1e-12);
});

const report = {
  processor: 'A <processor> & more', node: '24.0.0', v8: '13', quick: false, peaks: { avx2: 100 }, kernels: [{ isa: 'avx2', k: 128, rate: 90, share: 0.9 }],
  cases: [{
    name: 'paper', sizes: { D: 128, C: 50, N: 200 }, parameters: 826644, runs: 50, flops: { request: 322e6 }, missing: ['neon: not here'],
    rows: { request: { 'onnxruntime-web': { median: 15, best: 14 }, 'onnxruntime-node': { median: 4, best: 4 }, strict: { median: 10, best: 9, rate: 32.2, share: 0.6 } } },
    sides: [{ name: 'onnxruntime-web', isPeer: true, variant: 'w', model: 'float' }, { name: 'onnxruntime-node', isPeer: true, variant: 'n', model: 'float' },
      { name: 'strict', isPeer: false, variant: 's', model: 'float', checksum: '0123abcd', difference: 1e-6 }],
  }],
};
report.targets = checkTargets(report);

test('targets: what was measured is held against its bound, what was not is left out', () => {
  const strict = report.targets.find(({ what }) => what === 'paper: request, strict' );
  assert.deepEqual({ value: strict.value, ok: strict.ok, target: strict.target }, { value: 1.5, ok: true, target: '≥ 1.15' });
  const share = report.targets.find(({ what, unit }) => what === 'paper: request, strict' && unit === '% of peak');
  assert.equal(share.ok, false);
  assert.ok(!report.targets.some(({ what }) => what.includes('medium')));
  const slower = structuredClone({ ...report, targets: undefined });
  slower.cases[0].rows.request.strict.median = 14;
  assert.equal(checkTargets(slower).find(({ what }) => what === 'paper: request, strict').ok, false);
});

test('text and Markdown name every side, its ratio and the targets', () => {
  for (const text of [textReport(report), markdownReport(report)]) {
    assert.match(text, /strict.*10\.0.*1\.50.*0\.40/);
    assert.match(text, /missed/);
  }
  const tables = markdownReport(report).split('\n\n').filter((block) => block.startsWith('|'));
  assert.ok(tables.length >= 3);
  for (const table of tables) {
    const columns = table.split('\n').map((line) => line.split(' | ').length);
    assert.ok(columns.every((n) => n === columns[0]), table);
  }
});

test('the chart is well-formed and has a bar for every side, as long as its ratio', () => {
  const svg = chart(report);
  const open = [];
  for (const [, slash, name, self] of svg.matchAll(/<(\/?)([a-z]+)(?:\s+[\w:-]+="[^"<]*")*\s*(\/?)>/g)) {
    if (self) continue;
    if (slash) assert.equal(open.pop(), name);
    else open.push(name);
  }
  assert.deepEqual(open, []);
  assert.ok(svg.includes('A &lt;processor&gt; &amp; more') && !/&(?!amp;|lt;|gt;|quot;)/.test(svg));
  const widths = [...svg.matchAll(/<rect class="(peer|ours|int8)"[^>]* width="([\d.]+)"/g)].map(([, kind, width]) => [kind, Number(width)]);
  assert.deepEqual(widths.map(([kind]) => kind), ['peer', 'peer', 'ours']);
  assert.ok(Math.abs(widths[2][1] / widths[0][1] - 1.5) < 0.01, String(widths));
  assert.equal((svg.match(/<[a-z]+/g) ?? []).length, [...svg.matchAll(/<([a-z]+)(?:\s+[\w:-]+="[^"<]*")*\s*\/?>/g)].length, 'a tag that is no tag');
});
