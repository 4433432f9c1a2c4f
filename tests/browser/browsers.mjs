// browsers.mjs: one small interface to Chromium, Firefox and WebKitGTK. Tests are written against it once and run in each.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import puppeteer from 'puppeteer-core';
import { findChromium, flags } from '../runtimes/browser.mjs';
import { startElsewhere } from './elsewhere.mjs';
import { choose, drop, locate } from './in-page.mjs';
import { findProgram, makeScratch, startProgram, within } from './processes.mjs';
import { startWebKit } from './webkit.mjs';

export const browserNames = ['chromium', 'firefox', 'webkit'];
const STEP_MS = 60_000; // the longest that a driver's answer may take on a busy machine
const WAIT_MS = 30_000;
const POLL_MS = 50;
const TAP_MS = 350; // a tap sooner after the last touch is a double tap's half, and no click
const REST_MS = 100; // a finger that is let go while it moves flings, and the next tap stops the fling and is no click

// What browsers ask of their makers' hosts by themselves, where no setting stops them: updates, spelling, form filling.
const OWN_ERRANDS =
  /^CONNECT ((accounts|clients\d|update|android\.clients)\.google(apis)?\.com|(content-autofill|optimizationguide-pa)\.googleapis\.com|[a-z.]+\.gvt1\.com|[a-z.-]+\.mozilla\.(com|net|org)):443$/;

/**
 * Starts a browser; a missing one is an error. Resolves to a Browser, which the test closes in afterAll.
 * Tests run in jest one after another; the start takes a few seconds.
 */
export async function launch({ browser: name }) {
  if (!browserNames.includes(name)) throw new Error(`no such browser: ${name}`);
  const elsewhere = await startElsewhere();
  const browser = new Browser(name, elsewhere);
  try {
    await browser.restart({ dark: false, reducedMotion: false });
  } catch (error) {
    await browser.close();
    throw error;
  }
  return browser;
}

/**
 * A target is a CSS selector, or { selector, at: [0.5, 0.5] } for a point at fractions of the element's box, or
 * { x, y } in CSS pixels of the viewport. Elements are waited for, scrolled into view, and must not be covered.
 */
class Browser {
  #driver = null;
  #elsewhere;
  #settings = {};
  #touch = false;
  #lastTouch = 0;

  constructor(name, elsewhere) {
    this.name = name;
    this.#elsewhere = elsewhere;
  }

  /** { touch: fingers, media: dark and reducedMotion change without a restart } */
  get can() {
    return this.#driver.can;
  }

  /** Puppeteer's page in Chromium (raw CDP: page.createCDPSession()) and Firefox; null in WebKitGTK. Changes when open() restarts. */
  get page() {
    return this.#driver.page;
  }

  /** What the browser asked of other machines since the last open(): 'GET http://host/path' or 'CONNECT host:443'. */
  get elsewhere() {
    return this.#elsewhere.requests.filter((request) => !OWN_ERRANDS.test(request));
  }

  async restart(settings) {
    await this.#driver?.stop();
    this.#driver = null;
    this.#driver = await starters[this.name]({ ...settings, proxyPort: this.#elsewhere.port });
    this.#settings = settings;
  }

  /**
   * Loads a page afresh. Firefox and WebKitGTK can be dark or spare with motion only from their start on: they restart
   * when that changes, and what they stored is gone. Resolves at the page's load event.
   */
  async open(url, { width = 1280, height = 800, dark = false, reducedMotion = false, touch = false, timeout = STEP_MS } = {}) {
    if (touch && !this.can.touch) throw new Error(`${this.name} has no touch screen here`);
    const { can } = this;
    if (!can.media && (dark !== this.#settings.dark || reducedMotion !== this.#settings.reducedMotion))
      await this.restart({ dark, reducedMotion });
    const driver = this.#driver;
    const step = (what, promise) => within(timeout, () => `${what} in ${driver.about()}`, promise);
    await step('leaving the last page', driver.goto('about:blank', timeout));
    await step('resizing', driver.emulate({ width, height, dark, reducedMotion, touch }));
    this.#touch = touch;
    driver.errors.length = 0;
    this.#elsewhere.requests.length = 0;
    await step(`opening ${url}`, driver.goto(url, timeout));
  }

  /**
   * Calls a function in the page; it may be async. It travels as text, so it sees the page and its arguments only;
   * those and its result as JSON. What it throws is thrown here.
   */
  async evaluate(fn, ...args) {
    const driver = this.#driver;
    const source = `(async () => {
      try {
        return JSON.stringify({ value: await (${fn})(...${JSON.stringify(args)}) });
      } catch (error) {
        return JSON.stringify({ error: error instanceof Error ? error.name + ': ' + error.message : String(error) });
      }
    })()`;
    const answer = JSON.parse(await within(STEP_MS, () => `an answer to ${fn} from ${driver.about()}`, driver.run(source)));
    if (answer.error !== undefined) throw new Error(`in the page: ${answer.error}`);
    return answer.value;
  }

  /** Calls a function in the page until its result is truthy, and resolves to that. What it throws counts as not yet. */
  async waitFor(fn, args = [], timeout = WAIT_MS) {
    const deadline = Date.now() + timeout;
    for (let last; ; await sleep(POLL_MS)) {
      try {
        last = await this.evaluate(fn, ...args);
        if (last) return last;
      } catch (error) {
        last = error;
      }
      if (Date.now() >= deadline) throw new Error(`not within ${timeout} ms: ${fn} of ${JSON.stringify(args)}; last: ${last}`);
    }
  }

  async #find(target, { scroll = true, covered = false } = {}) {
    if (target.x !== undefined) return target;
    const { selector, at = [0.5, 0.5] } = typeof target === 'string' ? { selector: target } : target;
    await this.waitFor((selector) => document.querySelector(selector) !== null, [selector]);
    // It may be covered by something that is on its way out.
    for (let tries = 0, found; ; tries++) {
      found = await this.evaluate(locate, selector, at, scroll);
      if (found?.inView && (covered || !found.covered)) return found;
      if (tries === 20) throw new Error(`${selector} cannot be pointed at: ${JSON.stringify(found)}`);
      await sleep(POLL_MS);
    }
  }

  async #point(steps) {
    if (this.#touch) await sleep(Math.max(0, this.#lastTouch + TAP_MS - Date.now()));
    await within(STEP_MS, () => `a gesture in ${this.#driver.about()}`, this.#driver.point(steps, this.#touch));
    this.#lastTouch = Date.now();
  }

  /** A click with the mouse's first button, or a tap where open() was told touch. */
  async click(target) {
    const { x, y } = await this.#find(target);
    await this.#point([{ move: [x, y] }, { down: true }, { up: true }]);
  }

  async hover(target) {
    const { x, y } = await this.#find(target);
    await this.#point([{ move: [x, y] }]);
  }

  /** Presses on one target, moves in steps, lets go over the other. hold: what to do before letting go. */
  async drag(from, to, { steps = 8, hold } = {}) {
    const a = await this.#find(from);
    const b = await this.#find(to, { scroll: false, covered: true });
    const path = Array.from({ length: steps }, (_, i) => (i + 1) / steps).map((t) => ({
      move: [a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)],
      ms: 20,
    }));
    if (this.#touch) path.push({ ms: REST_MS });
    const start = [{ move: [a.x, a.y] }, { down: true }];
    if (!hold) return this.#point([...start, ...path, { up: true }]);
    await this.#point([...start, ...path]);
    await hold();
    await this.#point([{ up: true }]);
  }

  /** A key by its DOM name, with modifiers before it: 'a', 'Enter', 'ArrowLeft', 'Shift+Tab', 'Control+z'. */
  async press(key) {
    const names = key === '+' ? ['+'] : key.split('+');
    const keys = names.map((name) => (name.length === 1 && names.includes('Shift') ? name.toUpperCase() : name));
    const steps = [...keys.map((down) => ({ down })), ...keys.toReversed().map((up) => ({ up }))];
    await within(STEP_MS, () => `${key} in ${this.#driver.about()}`, this.#driver.keys(steps));
  }

  /** Types into whatever has the focus. */
  async type(text) {
    for (const char of text) await this.press(char === '\n' ? 'Enter' : char);
  }

  /** Drops a file on an element. No driver can drag from outside: the events are made in the page. */
  async dropFile(selector, name, bytes, type = '') {
    await this.evaluate(drop, selector, name, type, Buffer.from(bytes).toString('base64'));
  }

  /** Gives a file to an <input type=file>. */
  async chooseFile(selector, name, bytes, type = '') {
    await this.evaluate(choose, selector, name, type, Buffer.from(bytes).toString('base64'));
  }

  /** The viewport as PNG bytes, one pixel per CSS pixel. */
  async screenshot() {
    return within(STEP_MS, () => `a screenshot of ${this.#driver.about()}`, this.#driver.screenshot());
  }

  /** What went wrong since the last open(): [{ kind: 'page' (not caught) | 'console' (console.error, policy), text }] */
  async errors() {
    return within(STEP_MS, () => `errors from ${this.#driver.about()}`, this.#driver.takeErrors());
  }

  /** Ends the browser and removes what it wrote. Never fails for a browser that has crashed. */
  async close() {
    await this.#driver?.stop();
    this.#driver = null;
    await this.#elsewhere.stop();
  }
}

const starters = { chromium: startChromium, firefox: startFirefox, webkit: startWebKit };

async function startChromium({ proxyPort }) {
  const scratch = makeScratch('chromium');
  const program = startProgram(findChromium(), [
    ...flags,
    '--remote-debugging-port=0',
    `--user-data-dir=${scratch.path}`,
    `--proxy-server=http://127.0.0.1:${proxyPort}`, // never for 127.0.0.1 itself
    '--disable-features=AutofillServerCommunication,DialMediaRouteProvider,MediaRouter,OptimizationHints,Translate',
    '--gaia-url=http://127.0.0.1:9', // or it asks the network who is signed in
    '--disable-background-timer-throttling',
    '--disable-backgrounding-occluded-windows',
    '--disable-renderer-backgrounding',
    '--disable-default-apps',
    '--disable-extensions',
    '--disable-breakpad',
    '--force-color-profile=srgb',
    '--hide-scrollbars',
    '--mute-audio',
    '--password-store=basic',
    '--use-mock-keychain',
    'about:blank',
  ]);
  const endpoint = /DevTools listening on (ws:\S+)/;
  return drive(program, scratch, { endpoint, suffix: '', protocol: 'cdp' }, { touch: true, media: true });
}

async function startFirefox({ proxyPort, dark, reducedMotion }) {
  const path = findProgram(process.env.FIREFOX, 'firefox-esr', 'firefox');
  if (!path) throw new Error('no Firefox: install the package firefox-esr, or name one in $FIREFOX');
  const scratch = makeScratch('firefox');
  const preferences = {
    'layout.css.prefers-color-scheme.content-override': dark ? 0 : 1,
    'ui.prefersReducedMotion': reducedMotion ? 1 : 0,
    'gfx.color_management.mode': 0,
    'network.proxy.type': 1, // never for 127.0.0.1 itself
    'network.proxy.http': '127.0.0.1',
    'network.proxy.http_port': proxyPort,
    'network.proxy.ssl': '127.0.0.1',
    'network.proxy.ssl_port': proxyPort,
    // What it would ask of the network by itself:
    'app.normandy.enabled': false,
    'app.update.disabledForTesting': true,
    'browser.newtabpage.enabled': false,
    'browser.region.network.url': '',
    'browser.safebrowsing.malware.enabled': false,
    'browser.safebrowsing.phishing.enabled': false,
    'browser.search.update': false,
    'browser.startup.page': 0,
    'datareporting.policy.dataSubmissionEnabled': false,
    'extensions.getAddons.cache.enabled': false,
    'extensions.systemAddon.update.enabled': false,
    'extensions.update.enabled': false,
    'media.gmp-manager.updateEnabled': false,
    'network.captive-portal-service.enabled': false,
    'network.connectivity-service.enabled': false,
    'services.settings.server': 'data:,#remote-settings-dummy/v1',
    'toolkit.telemetry.server': '',
  };
  const lines = Object.entries(preferences).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`);
  writeFileSync(join(scratch.path, 'user.js'), lines.join(''));
  const args = ['--headless', '--no-remote', '--remote-debugging-port=0', '--profile', scratch.path, 'about:blank'];
  const env = {
    ...process.env,
    HOME: scratch.path,
    MOZ_CRASHREPORTER_DISABLE: '1',
    MOZ_DISABLE_CONTENT_SANDBOX: '1', // containers often forbid what it is made of
    MOZ_REMOTE_SETTINGS_DEVTOOLS: '1', // services.settings.server is heeded
  };
  const endpoint = /WebDriver BiDi listening on (ws:\S+)/;
  return drive(startProgram(path, args, { env }), scratch, { endpoint, suffix: '/session', protocol: 'webDriverBiDi' }, {
    touch: true,
    media: false,
  });
}

/** A started browser behind the interface that Browser asks for, by way of Puppeteer. */
async function drive(program, scratch, { endpoint, suffix, protocol }, can) {
  const errors = [];
  let connected, page, client;
  async function stop() {
    await within(5000, 'goodbye', Promise.resolve(connected?.disconnect())).catch(() => {}); // it is ended in any case
    await program.stop();
    scratch.remove();
  }
  try {
    const [, address] = await program.says(endpoint);
    connected = await within(STEP_MS, program.about, puppeteer.connect({
      browserWSEndpoint: address + suffix,
      protocol,
      defaultViewport: null,
      protocolTimeout: 3 * STEP_MS, // ours are shorter and say more
    }));
    // Firefox gives the focus to a tab that it is told to open, not to its first.
    const first = protocol === 'cdp' ? (await within(STEP_MS, program.about, connected.pages()))[0] : undefined;
    page = first ?? (await within(STEP_MS, program.about, connected.newPage()));
    await within(STEP_MS, program.about, page.bringToFront());
  } catch (error) {
    await stop();
    throw error;
  }
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push({ kind: 'console', text: message.text() });
  });
  page.on('pageerror', (error) => errors.push({ kind: 'page', text: error?.stack ?? String(error) }));

  return {
    about: program.about,
    can,
    page,
    errors,
    stop,
    goto: (url, timeout) => page.goto(url, { timeout, waitUntil: 'load' }),
    async emulate({ width, height, dark, reducedMotion, touch }) {
      await page.setViewport({ width, height, deviceScaleFactor: 1, hasTouch: touch, isMobile: touch && can.media });
      if (can.media)
        await page.emulateMediaFeatures([
          { name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' },
          { name: 'prefers-reduced-motion', value: reducedMotion ? 'reduce' : 'no-preference' },
        ]);
    },
    run: (source) => page.evaluate(source),
    async point(steps, touch) {
      if (touch) return protocol === 'cdp' ? touchChromium(await (client ??= page.createCDPSession()), steps) : touchFirefox(page, steps);
      for (const { move, down, up, ms } of steps) {
        if (move) await page.mouse.move(...move);
        if (down) await page.mouse.down();
        if (up) await page.mouse.up();
        if (ms) await sleep(ms);
      }
    },
    async keys(steps) {
      for (const { down, up } of steps) {
        const beyond = protocol === 'cdp' && /^[^\x20-\x7e]$/u.test(down ?? up); // such a key its keyboard lacks
        if (beyond && down) await page.keyboard.sendCharacter(down);
        else if (!beyond) await (down ? page.keyboard.down(down) : page.keyboard.up(up));
      }
    },
    screenshot: () => page.screenshot({ type: 'png', captureBeyondViewport: false }),
    async takeErrors() {
      await page.evaluate('new Promise((done) => setTimeout(done, 50))'); // they come in order, some after a turn
      return [...errors];
    },
  };
}

// A finger that stays for half a second presses long, which is no click. So both drivers are sent what follows without a
// pause at once: on a busy machine their answers, one by one, can take longer.

async function touchChromium(client, steps) {
  let at = [0, 0];
  let isDown = !steps.some(({ down }) => down); // a drag goes on
  let sent = [];
  const send = (type, touchPoints) => sent.push(client.send('Input.dispatchTouchEvent', { type, touchPoints }));
  for (const { move, down, up, ms } of steps) {
    if (move) at = move;
    const points = [{ x: Math.round(at[0]), y: Math.round(at[1]) }];
    if (down) send('touchStart', points);
    else if (up) send('touchEnd', []);
    else if (move && isDown) send('touchMove', points);
    isDown = (isDown || down) && !up;
    if (!ms) continue;
    await Promise.all(sent);
    sent = [];
    await sleep(ms);
  }
  await Promise.all(sent);
}

async function touchFirefox(page, steps) {
  const actions = steps.map(({ move, down, up, ms = 0 }) => {
    if (!move && !down && !up) return { type: 'pause', duration: ms };
    if (move) return { type: 'pointerMove', x: Math.round(move[0]), y: Math.round(move[1]), duration: ms };
    return down ? { type: 'pointerDown', button: 0 } : { type: 'pointerUp', button: 0 };
  });
  // Not Puppeteer's public interface, which has no such gesture: its version is pinned.
  await page.mainFrame().browsingContext.performActions([{ type: 'pointer', id: 'finger', parameters: { pointerType: 'touch' }, actions }]);
}
