// use_support.mjs: what the tests of using the page share: one page in each browser, as a reader has it, and what they read off it.
/* global afterAll, afterEach, beforeAll, describe, expect */
import { browserNames, launch } from './browsers.mjs';
import { readFigure, servePage, setState } from './page.mjs';

export const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const LAUNCH_MS = 200_000;
/** What WebKitGTK's driver says when a page's process has ended: seen once in some fifty pages on a busy machine, whichever page. */
const CRASHED = /invalid session id|page crash/;

/**
 * Runs a suite in every browser. `page` has the page in it: see Page. After every test: no error was on the page or its
 * console, and nothing was asked of another machine, unless the test says which (`page.expectErrors`).
 */
export function inEachBrowser(suite, names = browserNames) {
  describe.each(names)('%s', (name) => {
    const page = new Page(name);
    beforeAll(() => page.start(), LAUNCH_MS);
    afterAll(() => page.stop());
    afterEach(() => page.check());
    suite(page);
  });
}

export class Page {
  #expected;
  #stops = [];

  constructor(name) {
    this.name = name;
  }

  async start() {
    this.server = await this.serve({ base: '/some/where/', record: true });
    this.browser = await launch({ browser: this.name });
  }

  async stop() {
    await this.browser?.close();
    for (const { stop } of this.#stops) await stop();
  }

  /** Another server, which ends with this page. */
  async serve(options) {
    const server = await servePage(options);
    this.#stops.push(server);
    return server;
  }

  /** Errors on the console that the test provokes; others still fail. */
  expectErrors(pattern) {
    this.#expected = pattern;
  }

  async check() {
    const expected = this.#expected;
    this.#expected = undefined;
    const errors = await this.browser.errors();
    expect(errors.filter(({ kind, text }) => !(kind === 'console' && expected?.test(text)))).toEqual([]);
    expect(this.elsewhere()).toEqual([]);
  }

  /** What the page asked of other machines. Chromium's own updater asks its maker, too. */
  elsewhere() {
    return this.browser.elsewhere.filter((request) => !/^[A-Z]+ http:\/\/update\.googleapis\.com\//.test(request));
  }

  /** Opens the page with this state and waits for its first numbers. A browser that crashed meanwhile is started again, once. */
  async open(state = '', options = {}) {
    try {
      await this.#open(state, options);
    } catch (error) {
      if (!CRASHED.test(error.message)) throw error;
      console.warn(`${this.name} crashed: ${error.message}`);
      await this.browser.restart({ dark: options.dark ?? false, reducedMotion: options.reducedMotion ?? false });
      await this.#open(state, options);
    }
  }

  async #open(state, options) {
    await this.browser.open(`${this.server.url}${state && `#${state}`}`, options);
    const isReady = () => this.browser.evaluate(() => performance.getEntriesByName('interactive', 'mark').length > 0);
    for (const deadline = Date.now() + 60_000; !(await isReady()); await wait(50))
      if (Date.now() > deadline) throw new Error(`not interactive: ${await this.text('body')}`);
  }

  setState(state) {
    return setState(this.browser, state);
  }

  figure(id) {
    return readFigure(this.browser, id);
  }

  /** A figure's numbers, waited for until they are as `fits` wants them. */
  async figureWhere(id, fits, timeout = 20_000) {
    const deadline = Date.now() + timeout;
    for (;;) {
      const found = await this.figure(id);
      if (fits(found)) return found;
      if (Date.now() > deadline) throw new Error(`${id} is not as it should be within ${timeout} ms: ${JSON.stringify(found.rows.slice(0, 3))}`);
      await wait(50);
    }
  }

  text(selector) {
    return this.browser.evaluate((what) => document.querySelector(what)?.textContent ?? null, selector);
  }

  has(selector) {
    return this.browser.evaluate((what) => document.querySelector(what) !== null, selector);
  }

  waitForText(selector, part, timeout) {
    return this.browser.waitFor((what, words) => document.querySelector(what)?.textContent.includes(words), [selector, part], timeout);
  }

  /** The time that is said, as Unix milliseconds. */
  async saidTime() {
    return Date.parse(`${await this.text('.player .time')} UTC`);
  }

  /** The address's state, once it rests. */
  async address() {
    const hash = await this.browser.evaluate(async () => {
      for (let last = location.hash, since = performance.now(); ; ) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        if (location.hash !== last) [last, since] = [location.hash, performance.now()];
        else if (performance.now() - since > 450) return last.slice(1);
      }
    });
    return new URLSearchParams(hash);
  }

  /** What every control of the page says, by its place: [[name, value]]. */
  controls() {
    return this.browser.evaluate(() =>
      [...document.querySelectorAll('input:not([type=file]), select')].map((control) => {
        const legend = control.closest('fieldset')?.querySelector('legend')?.textContent ?? '';
        const label = control.getAttribute('aria-label') ?? control.closest('label')?.querySelector('span')?.textContent ?? ''; // not `labels`: WebKitGTK crashes some time after
        return [`${legend} ${label}`.trim(), ['checkbox', 'radio'].includes(control.type) ? control.checked : control.value];
      }),
    );
  }

  figureIds() {
    return this.browser.evaluate(() => [...document.querySelectorAll('figure')].map(({ id }) => id));
  }

  focus(selector) {
    return this.browser.evaluate((what) => document.querySelector(what).focus(), selector);
  }

  /** Sets a slider or a list with the keyboard. */
  async keys(selector, ...keys) {
    await this.focus(selector);
    for (const key of keys) await this.browser.press(key);
  }

  /** Brings an element to the middle of the screen, and waits until nothing moves it any more. */
  async show(selector) {
    await this.browser.waitFor((what) => {
      const element = document.querySelector(what);
      element.scrollIntoView({ block: 'center', behavior: 'instant' });
      return new Promise((done) => {
        const top = () => element.getBoundingClientRect().top;
        const before = top();
        setTimeout(() => done(top() === before && element.isConnected), 120);
      });
    }, [selector]);
  }

  async click(selector) {
    await this.show(selector);
    await this.browser.click(selector);
  }

  /** Two frames: what was asked for at once is drawn. */
  frames() {
    return this.browser.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true)))));
  }
}
