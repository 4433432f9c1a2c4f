// page.mjs [--runs R] [--json]: how fast the interactive page is, in real browsers on this machine. In: build/demo (or $PAGE), Chromium,
// Firefox and WebKitGTK. Out: tables with the targets beside what was measured; nothing is asserted, machines differ.
//   interactive  from the start of the navigation to the mark that the page sets when every control works; a new profile each time
//   frames       what Chromium's main thread does between one frame and the next while the time is scrubbed, a step a frame
//   live         steps a second of the training in the page, by browser
/* global document, innerHeight, PointerEvent, requestAnimationFrame -- in functions that run in the page */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';

const tests = new URL('../browser/', import.meta.url);
const { launch } = await import(new URL('browsers.mjs', tests));
const { measureFrames, timeToInteractive } = await import(new URL('frames.mjs', tests));
const { makeModel } = await import(new URL('models.mjs', tests));
const { openPage, pageFolder, servePage, setState } = await import(new URL('page.mjs', tests));

const TARGETS = { interactiveMs: 1000, frameMs: 8, stepsPerSecond: 20, kilobytes: 600 };
const SCRUB_FRAMES = 180;
const { values } = parseArgs({ options: { runs: { type: 'string', default: '7' }, json: { type: 'boolean', default: false } } });

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const note = (text) => process.stderr.write(`page: ${text}\n`);

async function withBrowser(name, use) {
  const browser = await launch({ browser: name });
  try {
    return await use(browser);
  } finally {
    await browser.close();
  }
}

async function interactive(server, runs) {
  const ms = [];
  for (let run = 0; run < runs; run++) ms.push(await withBrowser('chromium', (browser) => timeToInteractive(browser, server.url)));
  return { medianMs: median(ms), bestMs: Math.min(...ms), worstMs: Math.max(...ms), runs };
}

/** Drags the time through its window and back, in the page, a step for every frame. */
const scrub = (browser) =>
  browser.evaluate(async (frames) => {
    const scrubber = document.getElementById('scrubber');
    const most = Number(scrubber.max);
    scrubber.dispatchEvent(new PointerEvent('pointerdown', { bubbles: true }));
    for (let i = 0; i < frames; i++) {
      const part = Math.abs(((2 * i) / frames) % 2 - 1);
      scrubber.value = String(most * (0.05 + 0.9 * part));
      scrubber.dispatchEvent(new Event('input', { bubbles: true }));
      await new Promise((done) => requestAnimationFrame(done));
    }
    scrubber.dispatchEvent(new PointerEvent('pointerup', { bubbles: true }));
  }, SCRUB_FRAMES);

async function lookAt(browser, selector) {
  await browser.evaluate((what) => document.querySelector(what).scrollIntoView({ block: 'start', behavior: 'instant' }), selector);
  await browser.waitFor(() =>
    [...document.querySelectorAll('.frame .empty')].every((empty) => {
      const { top, bottom } = empty.getBoundingClientRect();
      return bottom < 0 || top > innerHeight;
    }));
  await sleep(1500);
}

const framesOf = ({ p50, p95, max, cpu, frames, seconds }) => ({ p50, p95, max, cpuP50: cpu.p50, cpuP95: cpu.p95, frames, seconds });

const SECTIONS = [
  ['chapter=1', '#chapter', 'chapter 1: dials'],
  ['chapter=2&span=week', '#chapter', 'chapter 2: angles, a week'],
  ['chapter=3&span=month', '#lines', 'chapter 3: spectrum, four weeks'],
  ['chapter=4&span=week', '#chapter', 'chapter 4: attention, a week'],
  ['chapter=5', '#chapter', 'chapter 5: training'],
  ['chapter=6', '#chapter', 'chapter 6: feed'],
];

async function scrubbing(server) {
  const rows = [];
  await withBrowser('chromium', async (browser) => {
    const measure = async (name) => {
      await scrub(browser); // what runs first is compiled first
      rows.push({ name, ...framesOf(await measureFrames(browser, () => scrub(browser))) });
      note(`${name}: p95 ${rows.at(-1).p95.toFixed(1)} ms`);
    };
    for (const [state, top, name] of SECTIONS) {
      await openPage(browser, server, state, { width: 1280, height: 900 });
      await lookAt(browser, top);
      await measure(name);
    }
    await openPage(browser, server, 'chapter=0&span=week', { width: 1280, height: 1900 });
    await browser.chooseFile('#drop input', 'pairs-64.safetensors', await makeModel(64));
    await browser.waitFor(() => document.querySelector('.facts')?.textContent.includes('pairs-64'));
    await setState(browser, 'chapter=0&span=week&model=file');
    await lookAt(browser, '#dials');
    const inSight = await browser.evaluate(() => ['dials', 'heat'].every((id) => {
      const { top, bottom } = document.getElementById(id).querySelector('.frame').getBoundingClientRect();
      return top >= 0 && bottom <= document.querySelector('.player').getBoundingClientRect().top;
    }));
    await measure(`64 pairs × 1,000 times, dials and heat map ${inSight ? 'both whole in sight' : 'NOT both in sight'}`);
  });
  return rows;
}

async function live(server) {
  const rows = [];
  for (const name of ['chromium', 'firefox', 'webkit']) {
    await withBrowser(name, async (browser) => {
      await openPage(browser, server, 'chapter=5', { width: 1280, height: 900 });
      await browser.click('#live-begin');
      await browser.waitFor(() => document.querySelector('#live progress')?.value > 0, [], 120_000);
      await browser.evaluate(() => document.getElementById('view-dials').scrollIntoView({ behavior: 'instant' }));
      const frames = name === 'chromium' ? framesOf(await measureFrames(browser, () => sleep(5000))) : undefined;
      const begun = performance.now();
      await browser.waitFor(() => {
        const progress = document.querySelector('#live progress');
        return progress.value === progress.max;
      }, [], 300_000);
      const [stepsPerSecond, steps] = await browser.evaluate(() => [Number(document.querySelector('#live-rate b').textContent), document.querySelector('#live progress').max]);
      rows.push({ name, stepsPerSecond, steps, frames });
      note(`${name}: ${stepsPerSecond} steps a second (${((performance.now() - begun) / 1000).toFixed(0)} s more to the end)`);
    });
  }
  return rows;
}

async function bytes() {
  const server = await servePage({ record: true });
  try {
    await withBrowser('chromium', async (browser) => {
      await openPage(browser, server);
      await sleep(3000);
    });
    const first = [...new Map(server.requests.map(({ path, gzippedBytes }) => [path, gzippedBytes])).values()].reduce((a, b) => a + b, 0);
    const all = readdirSync(pageFolder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
      .map((entry) => gzipSync(readFileSync(join(entry.parentPath ?? entry.path, entry.name))).length).reduce((a, b) => a + b, 0);
    return { firstView: first, built: all };
  } finally {
    await server.stop();
  }
}

function print({ interactive: open, scrubbing: rows, live: trained, bytes: { firstView, built } }) {
  const ms = (v) => v.toFixed(1).padStart(7);
  console.log('\nthe interactive page in headless browsers; targets in brackets');
  console.log(`\nnavigation to interactive, Chromium, new profile: median of ${open.runs} ${open.medianMs.toFixed(0)} ms (target at most ${TARGETS.interactiveMs}), `
    + `best ${open.bestMs.toFixed(0)}, worst ${open.worstMs.toFixed(0)}`);
  console.log(`\nmain thread a frame while scrubbing, Chromium, ms (target: p95 below ${TARGETS.frameMs})`);
  console.log(`${''.padEnd(66)}    by the clock            by processor time`);
  console.log(`${''.padEnd(66)}    p50     p95     max       p50     p95   frames a second`);
  for (const { name, p50, p95, max, cpuP50, cpuP95, frames, seconds } of rows)
    console.log(`${name.padEnd(66)}${ms(p50)} ${ms(p95)} ${ms(max)}   ${ms(cpuP50)} ${ms(cpuP95)}   ${(frames / seconds).toFixed(0).padStart(5)}`);
  console.log(`\nlive training, steps a second (target at least ${TARGETS.stepsPerSecond})`);
  for (const { name, stepsPerSecond, steps, frames } of trained) {
    const meanwhile = frames ? `; main thread meanwhile, dials in sight: p50 ${frames.p50.toFixed(1)}, p95 ${frames.p95.toFixed(1)} ms by the clock, ${frames.cpuP95.toFixed(1)} by processor` : '';
    console.log(`  ${name.padEnd(10)} ${String(stepsPerSecond).padStart(5)}  over ${steps} steps${meanwhile}`);
  }
  console.log(`\nfirst view ${(firstView / 1000).toFixed(1)} KB gzipped (target at most ${TARGETS.kilobytes}); all that is built ${(built / 1000).toFixed(1)} KB gzipped`);
}

const server = await servePage();
try {
  const report = {
    interactive: await interactive(server, Number(values.runs)),
    scrubbing: await scrubbing(server),
    live: await live(server),
    bytes: await bytes(),
  };
  if (values.json) console.log(JSON.stringify(report, null, 2));
  else print(report);
} finally {
  await server.stop();
}
