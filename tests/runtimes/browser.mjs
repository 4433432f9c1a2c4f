// browser.mjs: headless Chromium on page.html, served from the repository on 127.0.0.1 under a strict policy. No
// driver: the page posts its results. Out: the results. The browser and its folder are gone afterwards.
import { spawn } from 'node:child_process';
import { createReadStream, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'";
const types = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};
export const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
];

export function findChromium() {
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const places = (process.env.PATH ?? '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
  const found = [process.env.CHROMIUM, ...places].find((path) => path && existsSync(path));
  if (!found) throw new Error('no Chromium: install the package chromium, or name one in $CHROMIUM');
  return found;
}

export async function runInChromium(folders, timeoutMs) {
  let resolve, reject;
  const results = new Promise((...both) => {
    [resolve, reject] = both;
  });
  const server = createServer((request, response) => {
    if (request.url === '/result') return receive(request, response).then(resolve, reject);
    const path = join(root, normalize(decodeURIComponent(new URL(request.url, 'http://localhost').pathname)));
    const served = ['dist', 'models', 'tests'].some((folder) => path.startsWith(join(root, folder)));
    if (!served || !existsSync(path))
      return response.writeHead(404, { 'content-type': 'text/html' }).end('<!doctype html>no such file');
    response.writeHead(200, {
      'content-type': types[extname(path)] ?? 'application/octet-stream',
      'content-security-policy': policy,
    });
    createReadStream(path).pipe(response);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const page = new URL(`http://127.0.0.1:${server.address().port}/tests/runtimes/page.html`);
  for (const folder of folders) page.searchParams.append('folder', folder);

  const profile = mkdtempSync(join(tmpdir(), 'siren-rope-chromium-'));
  const browser = spawn(findChromium(), [...flags, `--user-data-dir=${profile}`, page.href], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  browser.stderr.on('data', (text) => {
    log += text;
  });
  const ended = new Promise((done) => browser.once('close', done));
  browser.once('error', reject);
  browser.once('exit', (code) => reject(new Error(`Chromium ended with ${code}:\n${log.slice(-2000)}`)));
  const timer = setTimeout(
    () => reject(new Error(`no result within ${timeoutMs} ms:\n${log.slice(-2000)}`)),
    timeoutMs,
  );
  try {
    return await results;
  } finally {
    clearTimeout(timer);
    try {
      process.kill(-browser.pid, 'SIGKILL');
    } catch {
      /* it has ended */
    } // its own group: all its processes
    await ended;
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function receive(request, response) {
  let body = '';
  for await (const chunk of request) body += chunk;
  response.end();
  return JSON.parse(body);
}
