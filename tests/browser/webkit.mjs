// webkit.mjs: Debian's WebKitGTK, MiniBrowser under a virtual screen, by the W3C protocol of WebKitWebDriver. It has no touch
// screen, tells no console (server.mjs helps), and is dark or spare with motion from its start on. Needs no root, session
// bus, window manager or sandbox setting; it gets a home and an environment of its own.
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findPort, findProgram, makeScratch, startProgram, within } from './processes.mjs';

const START_MS = 60_000;
const SCRIPT_MS = 55_000;

function findMiniBrowser() {
  const versions = ['webkit2gtk-4.1', 'webkit2gtk-4.0', 'webkitgtk-6.0'];
  const list = (folder) => (existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []);
  const folders = ['/usr/libexec', '/usr/lib', '/usr/lib64', ...list('/usr/lib').filter((path) => path.endsWith('-linux-gnu'))];
  const found = findProgram(
    process.env.MINIBROWSER,
    ...versions.flatMap((version) => folders.map((folder) => join(folder, version, 'MiniBrowser'))),
    'MiniBrowser',
  );
  if (!found) throw new Error('no WebKitGTK: install the package webkit2gtk-driver, or name its MiniBrowser in $MINIBROWSER');
  return found;
}

function findNeeded(name, debian) {
  const found = findProgram(name);
  if (!found) throw new Error(`no ${name}: install the package ${debian}`);
  return found;
}

export async function startWebKit({ proxyPort, dark, reducedMotion }) {
  const miniBrowser = findMiniBrowser();
  const driverProgram = findNeeded('WebKitWebDriver', 'webkit2gtk-driver');
  const screenProgram = findNeeded('Xvfb', 'xvfb');
  const scratch = makeScratch('webkit');
  const settings = join(scratch.path, '.config/gtk-3.0');
  mkdirSync(settings, { recursive: true });
  writeFileSync(join(settings, 'settings.ini'), `[Settings]\ngtk-enable-animations=${reducedMotion ? 0 : 1}\n`);
  // The toolbar would keep the window wider than a phone's.
  const small = 'min-width: 0; min-height: 0; padding: 0; margin: 0; border: 0; font-size: 1px;';
  writeFileSync(join(settings, 'gtk.css'), `toolbar, headerbar, toolbar *, headerbar *, button, entry, image { ${small} }\n`);

  const programs = [];
  let display;
  async function stop() {
    for (const program of programs.toReversed()) await program.stop();
    for (const left of display ? [`/tmp/.X11-unix/X${display}`, `/tmp/.X${display}-lock`] : []) rmSync(left, { force: true });
    scratch.remove();
  }
  const about = () => programs.map((program) => program.about()).join('\n');

  async function start() {
    const screen = startProgram(screenProgram, ['-displayfd', '1', '-screen', '0', '2560x1600x24', '-nolisten', 'tcp']);
    programs.push(screen);
    [, display] = await screen.says(/^(\d+)\n/m, START_MS);
    const port = await findPort();
    const env = {
      PATH: process.env.PATH,
      LANG: 'C.UTF-8',
      HOME: scratch.path,
      TMPDIR: scratch.path,
      XDG_RUNTIME_DIR: scratch.path,
      DISPLAY: `:${display}`,
      GSETTINGS_BACKEND: 'memory',
      GTK_A11Y: 'none',
      NO_AT_BRIDGE: '1',
    };
    programs.push(startProgram(driverProgram, ['-p', String(port)], { env }));
    const root = `http://127.0.0.1:${port}`;
    const deadline = Date.now() + START_MS;
    while (!(await ask('GET', `${root}/status`, undefined, 5000).catch(() => null))?.ready) {
      if (Date.now() > deadline) throw new Error(`WebKitWebDriver does not answer: ${about()}`);
      await sleep(50);
    }
    const args = ['--automation', `--proxy=http://127.0.0.1:${proxyPort}`, '--ignore-host=127.0.0.1', ...(dark ? ['--dark-mode'] : [])];
    const { sessionId } = await ask('POST', `${root}/session`, {
      capabilities: {
        alwaysMatch: {
          'webkitgtk:browserOptions': { binary: miniBrowser, args },
          timeouts: { script: SCRIPT_MS, pageLoad: START_MS },
        },
      },
    });
    return `${root}/session/${sessionId}`;
  }

  let session;
  try {
    session = await within(1.5 * START_MS, about, start());
  } catch (error) {
    await stop();
    throw error;
  }
  const command = (method, path, body) => ask(method, session + path, body);
  const run = (source) =>
    command('POST', '/execute/async', { script: `const done = arguments[arguments.length - 1]; (${source}).then(done);`, args: [] });

  return {
    about,
    can: { touch: false, media: false },
    page: null,
    errors: [],
    stop,
    goto: (url) => command('POST', '/url', { url }),
    async emulate({ width, height }) {
      let extra = [0, 20]; // the toolbar
      for (let tries = 0; ; tries++) {
        await command('POST', '/window/rect', { width: width + extra[0], height: height + extra[1] });
        const [w, h] = await run('Promise.resolve([innerWidth, innerHeight])');
        if (w === width && h === height) return;
        if (tries === 20) throw new Error(`wanted ${width} x ${height}, but the viewport is ${w} x ${h}`);
        if (tries % 4 === 0) extra = [extra[0] + width - w, extra[1] + height - h]; // else it may be on its way
        await sleep(25);
      }
    },
    run,
    point: (steps) =>
      command('POST', '/actions', {
        actions: [
          { type: 'pointer', id: 'mouse', parameters: { pointerType: 'mouse' }, actions: steps.flatMap(pointerActions) },
        ],
      }),
    keys: (steps) =>
      command('POST', '/actions', {
        actions: [
          {
            type: 'key',
            id: 'keyboard',
            actions: steps.map(({ down, up }) => ({ type: down ? 'keyDown' : 'keyUp', value: keyValue(down ?? up) })),
          },
        ],
      }),
    screenshot: async () => Buffer.from(await command('GET', '/screenshot'), 'base64'),
    async takeErrors() {
      const found = await run(
        "new Promise((done) => setTimeout(() => done(window.collectedErrors ?? [{ kind: 'page', text: 'not from server.mjs: nobody kept errors' }]), 50))",
      );
      return found;
    },
  };
}

function pointerActions({ move, down, up, ms }) {
  if (move) return [{ type: 'pointerMove', x: Math.round(move[0]), y: Math.round(move[1]), duration: ms ?? 0 }];
  return [down || up ? { type: down ? 'pointerDown' : 'pointerUp', button: 0 } : { type: 'pause', duration: ms }];
}

// https://www.w3.org/TR/webdriver2/#keyboard-actions
const KEYS = {
  Backspace: '\uE003',
  Tab: '\uE004',
  Enter: '\uE007',
  Shift: '\uE008',
  Control: '\uE009',
  Alt: '\uE00A',
  Escape: '\uE00C',
  Space: ' ',
  PageUp: '\uE00E',
  PageDown: '\uE00F',
  End: '\uE010',
  Home: '\uE011',
  ArrowLeft: '\uE012',
  ArrowUp: '\uE013',
  ArrowRight: '\uE014',
  ArrowDown: '\uE015',
  Insert: '\uE016',
  Delete: '\uE017',
  Meta: '\uE03D',
};
function keyValue(key) {
  const value = KEYS[key] ?? key;
  if ([...value].length !== 1) throw new Error(`no such key: ${key}`);
  return value;
}

async function ask(method, url, body, timeoutMs = 2 * START_MS) {
  const response = await fetch(url, {
    method,
    ...(method === 'POST' && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    signal: AbortSignal.timeout(timeoutMs),
  });
  const { value } = await response.json();
  if (!response.ok) throw new Error(`WebKitWebDriver: ${value?.error}: ${value?.message}`);
  return value;
}
