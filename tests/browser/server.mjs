// server.mjs: a folder on 127.0.0.1, as any plain host would serve it: right types, nothing compressed, nothing cached.
// It can put the page under a base path, under a strict policy, and write down what was asked for.
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { collectErrors } from './in-page.mjs';

export const builtPage = fileURLToPath(new URL('../../build/demo/', import.meta.url));
export const strictPolicy = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' blob: data:",
  'connect-src \'self\' http: https:',
  "worker-src 'self'",
].join('; ');

const types = {
  '.css': 'text/css; charset=utf-8',
  '.csv': 'text/csv; charset=utf-8',
  '.gif': 'image/gif',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.mjs': 'text/javascript; charset=utf-8',
  '.ndjson': 'application/x-ndjson',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
};

// WebKitGTK's driver reports no errors, so a page that goes there begins with a script that keeps them. Nobody else gets it.
const COLLECTOR = 'collect-errors.test.js';
const isWebKit = (request) => /AppleWebKit(?!.*Chrom)/.test(request.headers['user-agent'] ?? '');
const withCollector = (html, base) =>
  html.replace(/<head(\s[^>]*)?>/i.test(html) ? /<head(\s[^>]*)?>/i : /^/, `$&<script src="${base}${COLLECTOR}"></script>`);

/**
 * @param options folder: what is served. base: under which path, '/some/where/'. policy: the content-security-policy,
 *   or none. record: keep what was asked for. cors: any other origin may read it. headers: more of them.
 * Resolves to { url, port, requests: [{ method, path, status, bytes, gzippedBytes }], stop() }; path begins after the base.
 */
export async function serve({
  folder = builtPage,
  base = '/',
  policy = strictPolicy,
  record = false,
  cors = false,
  headers = {},
} = {}) {
  const root = resolve(folder);
  const requests = [];
  const always = {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(policy && { 'content-security-policy': policy }),
    ...(cors && { 'access-control-allow-origin': '*' }),
    ...headers,
  };

  async function find(path) {
    const file = join(root, normalize(path));
    if (file !== root && !file.startsWith(root + sep)) return null;
    const found = await stat(file).catch(() => null);
    if (!found?.isDirectory()) return found && { file, bytes: found.size };
    const index = join(file, 'index.html');
    const page = path.endsWith('/') ? await stat(index).catch(() => null) : null;
    return page && { file: index, bytes: page.size };
  }

  async function answer(request, response) {
    const { pathname } = new URL(request.url, 'http://127.0.0.1');
    const path = pathname.startsWith(base) ? decodeURIComponent(pathname.slice(base.length)) : null;
    const write = (status, type, body = '') => {
      note(status, body.length);
      response.writeHead(status, { ...always, 'content-type': type, 'content-length': Buffer.byteLength(body) });
      response.end(request.method === 'HEAD' ? '' : body);
    };
    const note = (status, bytes, gzippedBytes = 0) => {
      if (record) requests.push({ method: request.method, path: path ?? pathname, status, bytes, gzippedBytes });
    };

    if (`${pathname}/` === base) return response.writeHead(301, { location: base }).end();
    if (!['GET', 'HEAD'].includes(request.method)) return write(405, 'text/plain', 'only GET');
    if (path === COLLECTOR) return response.writeHead(200, { ...always, 'content-type': types['.js'] }).end(`(${collectErrors})()`);
    const found = path === null ? null : await find(`/${path}`);
    // A host's page for what it has not: HTML, which a loader must not take for a model.
    if (!found) return write(404, types['.html'], '<!doctype html><title>404</title>no such file');

    const type = types[extname(found.file).toLowerCase()] ?? 'application/octet-stream';
    if (record) note(200, found.bytes, gzipSync(await readFile(found.file)).length);
    if (type === types['.html'] && isWebKit(request))
      return response.writeHead(200, { ...always, 'content-type': type }).end(withCollector(await readFile(found.file, 'utf8'), base));
    response.writeHead(200, { ...always, 'content-type': type, 'content-length': found.bytes });
    if (request.method === 'HEAD') return response.end();
    createReadStream(found.file).on('error', (error) => response.destroy(error)).pipe(response);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error) => {
      if (response.headersSent) response.destroy(error);
      else response.writeHead(error instanceof URIError ? 400 : 500).end(String(error));
    });
  });
  await new Promise((done, reject) => server.once('error', reject).listen(0, '127.0.0.1', done));
  const { port } = server.address();
  return {
    url: `http://127.0.0.1:${port}${base}`,
    port,
    requests,
    async stop() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
