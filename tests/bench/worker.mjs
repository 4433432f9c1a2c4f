// One engine in a process of its own, that runs when it is told to: started by measure.mjs, which has several such
// processes and lets one run at a time. Messages in { id, call, ...arguments }, out { id, value } or { id, error }.
//   open   { engine, modelPath, requestPath }  loads; value: { variant, firstLoadMs }
//   row    { name }                            makes ready what a row needs; value: whether the engine has the row
//   run    { times, wantsLogits }              value: { ms: time of every run, logits of the last, where wanted }
import { readFileSync } from 'node:fs';
import { OPEN } from './engines.mjs';
import { readRequest } from './cases.mjs';

let engine;
let row;

const calls = {
  async open({ engine: { kind, options }, modelPath, requestPath }) {
    const bytes = new Uint8Array(readFileSync(modelPath));
    engine = await OPEN[kind]({ bytes, request: readRequest(readFileSync(requestPath)) }, options);
    const { variant, firstLoadMs } = engine;
    return { variant, firstLoadMs };
  },
  async row({ name }) {
    await row?.close?.();
    row = await engine.rows[name]?.(); // "" is none
    return row !== undefined;
  },
  async run({ times, wantsLogits }) {
    const ms = [];
    let result;
    for (let i = 0; i < times; i++) {
      await row.before?.();
      const start = performance.now();
      result = await row.run();
      ms.push(performance.now() - start);
      await row.after?.();
    }
    return { ms, logits: wantsLogits && result instanceof Float32Array ? result : undefined };
  },
};

process.on('message', async ({ id, call, ...given }) => {
  try {
    process.send({ id, value: await calls[call](given) });
  } catch (error) {
    process.send({ id, error: error.message });
  }
});
process.on('disconnect', () => engine?.close?.());
