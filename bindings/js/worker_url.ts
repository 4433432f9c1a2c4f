/* worker_url.ts: where the worker file lies, beside this module. The CommonJS build uses worker_url.cjs.ts in its place. */

/** In the form that bundlers recognise: they make a bundle of the worker. */
export function startWebWorker(): Worker {
  return new Worker(new URL('./siren-rope-worker.js', import.meta.url), { type: 'module' });
}

/** In a form that they leave alone: for Node. */
export function workerUrl(): URL | string {
  const name = './siren-rope-worker.js';
  return new URL(name, import.meta.url);
}
