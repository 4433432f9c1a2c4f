/* worker_url.cjs.ts: worker_url.ts for the CommonJS build, which has __dirname in place of import.meta. */
declare const __dirname: string;

export function startWebWorker(): Worker {
  return new Worker(workerUrl(), { type: 'module' });
}

export function workerUrl(): URL | string {
  return `${__dirname}/siren-rope-worker.js`;
}
