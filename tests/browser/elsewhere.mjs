// elsewhere.mjs: the proxy of a browser under test. All that is not for this machine comes here, from pages and workers
// alike; it is written down and refused. So no test depends on the network, and one can prove that a page asks nothing of it.
import { createServer } from 'node:http';

/** Resolves to { port, requests: ['GET http://host/path' | 'CONNECT host:443'], stop() } */
export async function startElsewhere() {
  const requests = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    response.writeHead(502).end();
  });
  server.on('connect', (request, socket) => {
    requests.push(`CONNECT ${request.url}`);
    socket.on('error', () => {}); // the browser gave up first
    socket.end('HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n');
  });
  server.on('clientError', (_, socket) => socket.destroy());
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  return {
    port: server.address().port,
    requests,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
