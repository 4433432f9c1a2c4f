// cold_start.mjs ENGINE FILE INPUTS [OPTIONS]: a process that does one thing: import an engine, load a model from a file, rank once. ENGINE: ours,
// onnxruntime-web or onnxruntime-node; FILE: the model, or its graph; INPUTS: a .safetensors file of the request, or of what the graph
// is fed; OPTIONS: JSON of what loadModel takes. Prints { ms: import -> ranked feed, peakBytes: of the process, memoryBytes: what ours holds }.
import { readFileSync } from 'node:fs';
import { parseSafetensors } from './safetensors.mjs';

const [engine, file, inputs, options = '{}'] = process.argv.slice(2);
const { tensors: given } = parseSafetensors(new Uint8Array(readFileSync(inputs)));
const T = 3;

/** Indexes of the candidates, best first. */
function rank(logits) {
  const scores = Array.from({ length: logits.length / T }, (_, n) =>
    logits.subarray(n * T, (n + 1) * T).reduce((sum, x) => sum + 1 / (1 + Math.exp(-x)), 0));
  return scores.map((_, n) => n).sort((a, b) => scores[b] - scores[a]);
}

async function oursRanks() {
  const { loadModel } = await import('../../dist/index.js');
  const model = await loadModel(file, JSON.parse(options));
  const session = model.createSession();
  const data = (name) => given[name]?.data;
  session.appendTensors({ item: data('history.item'), action: data('history.action'), timestamp: data('history.timestamp') });
  const logits = session.scoreTensors({ item: data('candidate.item'), context: data('candidate.context'), now: data('now')[0] });
  return { feed: rank(logits), memoryBytes: model.memoryBytes };
}

async function onnxruntimeRanks() {
  const { createSession, startWebRuntime, toTensors } = await import('./onnxruntime.mjs');
  const ort = engine === 'onnxruntime-web' ? startWebRuntime() : await import('onnxruntime-node');
  const session = await createSession(ort, engine === 'onnxruntime-web' ? new Uint8Array(readFileSync(file)) : file);
  const feeds = Object.fromEntries(Object.entries(given).map(([name, { data, shape }]) => [name, { data, dims: shape }]));
  return { feed: rank((await session.run(toTensors(ort, feeds))).logits.data), memoryBytes: null };
}

const start = performance.now();
const { feed, memoryBytes } = await (engine === 'ours' ? oursRanks() : onnxruntimeRanks());
const ms = performance.now() - start;
console.log(JSON.stringify({ ms, peakBytes: process.resourceUsage().maxRSS * 1024, memoryBytes, best: feed[0] }));
