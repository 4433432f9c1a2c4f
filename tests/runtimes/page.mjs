// page.mjs: check.mjs in a browser; posts its JSON, or what went wrong, to the server that served it.
import { check } from './check.mjs';

const read = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer());
const post = (value) => fetch('/result', { method: 'POST', body: JSON.stringify(value) });

addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
  post({ error: `${violatedDirective} ${blockedURI}` }),
);
try {
  const folders = new URL(location.href).searchParams.getAll('folder');
  await post(await check(new URL('/', location.href), read, folders));
} catch (error) {
  await post({ error: String(error?.stack ?? error) });
}
