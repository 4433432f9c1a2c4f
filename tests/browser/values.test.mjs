// Every number that the page draws is the package's own: figures, words and pixels, against the package in this process and the
// page's formulas written anew (values_expected.mjs). In Chromium all of it; in Firefox and in WebKitGTK, whose module is the
// strict one and so equal to the bit, some of each.
import { readFileSync } from 'node:fs';
import { createTraining } from '../../dist/train.js';
import { loadPage } from '../js/page_support.mjs';
import { goldenModel, goldens } from '../js/support.mjs';
import { launch } from './browsers.mjs';
import { makeModel } from './models.mjs';
import { readFigure, servePage } from './page.mjs';
import {
  Page, checkClock, checkDials, checkHands, checkHeat, checkKernel, checkLines, checkSpectrum, checkTokens, numbersIn, sameOrNone,
} from './values_checks.mjs';
import {
  Expected, HOUR, MINUTE, atMoment, bundledModels, column, eventually, firstTimeOf, numbersOf, readFile, same, withoutBranch, withoutOrder, writeFile,
} from './values_expected.mjs';
import { ExpectedFeed, checkFeed } from './values_feed.mjs';

const { RECIPE, USERS } = await loadPage('demo/src/live/recipe.ts');
const REST_MS = 1500; // the steps taken before a pause was heard have come by then
const TEST_MS = 240_000; // a few figures, each of them waited for on a busy machine

const names = Object.keys(bundledModels);
const expected = {};
beforeAll(async () => {
  for (const name of names) expected[name] = await Expected.of(bundledModels[name].bytes, bundledModels[name].firstTime);
});
afterAll(() => Object.values(expected).forEach((one) => one.dispose()));

/** Runs with a model that is the bundled one but for what was changed in its file. */
async function withModel(bytes, firstTime, use) {
  const changed = await Expected.of(bytes, firstTime);
  try {
    await use(changed);
  } finally {
    changed.dispose();
  }
}

/** Describes a browser, its page open with the first bundled model. */
function inBrowser(name, tests) {
  describe(name, () => {
    const page = new Page();
    let browser, server;
    beforeAll(async () => {
      server = await servePage();
      browser = await launch({ browser: name });
      await page.open(browser, server);
    }, 200_000);
    afterAll(async () => {
      await browser?.close();
      await server?.stop();
    });
    afterEach(async () => expect(await browser.errors()).toEqual([]));
    tests(page);
  });
}

/* ---------------------------------------------------------------- what every browser is asked */

function someOfEach(page) {
  test('dials, meters and hands', async () => {
    const settings = { time: Date.UTC(2024, 1, 3, 21, 37), network: 'action', perDay: 7.5 };
    await page.set(settings);
    await checkDials(page, expected.rhythm, settings);
    await checkHands(page, expected.rhythm, settings);
  }, TEST_MS);

  test('heat map, lines and spectrum', async () => {
    const settings = { span: 'week', pairs: [2, 5], time: Date.UTC(2024, 0, 27, 15, 10) };
    await page.set(settings);
    await checkHeat(page, expected.rhythm, settings);
    await checkLines(page, expected.rhythm, settings);
    await checkSpectrum(page, expected.rhythm, settings);
  }, TEST_MS);

  test('attention over time and over the clock', async () => {
    const settings = { span: 'week', time: Date.UTC(2024, 0, 26, 18, 20) };
    await page.set(settings);
    await checkKernel(page, expected.rhythm, settings);
    await checkClock(page, expected.rhythm, settings);
  }, TEST_MS);

  test('a feed', async () => {
    const settings = { time: Date.UTC(2024, 0, 25, 22, 30), person: 1, edits: '3l.5r.30m-600' };
    await page.set(settings);
    await checkFeed(page, new ExpectedFeed(expected.rhythm, 'rhythm', settings), settings);
  }, TEST_MS);
}

/**
 * A training here, with the page's recipe and the strict module, and the page's curves of it. The strict module's trainings are
 * equal to the bit. tolerance: of λ, freq and losses otherwise
 */
async function checkLive(page, mostSteps, tolerance) {
  const planted = { day: 30, week: 240, weekshare: 0.5, strength: 0.9, seed: 7 };
  await page.set({ model: 'live', more: planted });
  const { browser } = page;
  await browser.waitFor(() => Number(/^Step (\d+)/.exec(document.querySelector('.live-status')?.textContent ?? '')?.[1]) >= 20, [], 120_000);
  await browser.evaluate(() => document.getElementById('live-pause').click());
  await browser.waitFor(() => document.getElementById('live-pause').textContent === 'Go on');
  let [last, since] = [-1, 0];
  const order = await eventually(() => readFigure(browser, 'order-scale'), (found) => {
    const step = found.rows.at(-1)[0];
    if (step !== last) [last, since] = [step, Date.now()];
    if (Date.now() < since + REST_MS) throw new Error('it goes on');
    return found;
  });
  const freq = await page.figure('freq', (found) => found);
  const losses = await page.figure('losses', (found) => found);

  const training = await createTraining({
    recipe: RECIPE,
    build: 'simd',
    simulation: { users: USERS, dayHours: 30, weekDays: 10, weekShare: 0.5, strength: 0.9, seed: 7 },
  });
  const first = readFile(training.model());
  const steps = column(order, 'step');
  expect(steps[0]).toBe(0);
  const events = training.run(last);
  const compared = steps.filter((step) => step <= mostSteps);
  expect(compared.length).toBeGreaterThan(1);
  const taken = events.filter(({ kind }) => kind === 'step');
  const at = (step) => (step === 0 ? { orderScale: numbersOf(first.tensors.get('rope.order_scale'))[0], freq: numbersOf(first.tensors.get('rope.freq')) } : taken[step - 1]);
  same(column(order, 'λ (order_scale)').slice(0, compared.length), compared.map((step) => at(step).orderScale), tolerance, 'λ');
  for (const pair of [0, 1, 2, 3]) same(column(freq, `pair ${pair}`).slice(0, compared.length), compared.map((step) => at(step).freq[pair]), tolerance, `freq of pair ${pair}`);
  const between = compared.map((step, i) => (i === 0 ? [] : taken.slice(compared[i - 1], step).map(({ loss }) => loss)));
  const shown = column(losses, 'step').map((step, i) => [step, i]).filter(([step]) => compared.includes(step)).map(([, i]) => numbersIn(losses, 'loss of the batch (mean log loss)')[i]);
  sameOrNone(shown, between.map((list) => list.reduce((a, b) => a + b, 0) / list.length), tolerance, 'losses');
  const model = training.model().slice();
  training.dispose();
  return model;
}

/* ---------------------------------------------------------------- all of it */

inBrowser('chromium', (page) => {
  someOfEach(page);

  const states = [
    { model: 'rhythm' },
    { model: 'rhythm', span: 'month', unwrapped: true, perDay: 0.5 },
    { model: 'rhythm', span: 'hour', time: Date.UTC(2023, 11, 30, 3, 5), pairs: [2, 5] }, // before the Monday that places are counted from
    { model: 'rhythm', span: 'season', network: 'action', perDay: 24, time: Date.UTC(2024, 3, 1, 0, 0), pairs: [5] },
    { model: 'kuairand' },
    { model: 'kuairand', span: 'week', unwrapped: true, network: 'action', time: Date.UTC(2022, 3, 24, 23, 59), pairs: [0, 7, 4] },
  ];
  describe.each(states)('%j', (settings) => {
    const all = () => expected[settings.model];

    test('dials and tokens', async () => {
      await page.set(settings);
      await checkDials(page, all(), settings);
      if (!settings.unwrapped) await checkHands(page, all(), settings);
      await checkTokens(page, all(), settings);
    }, TEST_MS);

    test('heat map, lines and spectrum', async () => {
      await page.set(settings);
      await checkHeat(page, all(), settings);
      await checkLines(page, all(), settings);
      await checkSpectrum(page, all(), settings);
    }, TEST_MS);

    test('attention', async () => {
      await page.set(settings);
      await checkKernel(page, all(), settings);
      await checkClock(page, all(), settings);
    }, TEST_MS);
  });

  test.each(names)('%s: branches and order switched off', async (name) => {
    const { bytes, firstTime } = bundledModels[name];
    const cases = [
      [['sine'], withoutBranch(bytes, 'net')],
      [['relu'], withoutBranch(bytes, 'residual')],
      [['order'], withoutOrder(bytes)],
      [['sine', 'relu', 'order'], withoutOrder(withoutBranch(withoutBranch(bytes, 'net'), 'residual'))],
    ];
    for (const [off, file] of cases)
      await withModel(file, firstTime, async (changed) => {
        const settings = { model: name, off, span: 'week' };
        await page.set(settings);
        await checkDials(page, changed, settings);
        if (off.length === 1) await checkHeat(page, changed, settings);
        if (off.length === 1) await checkKernel(page, changed, settings);
      });
  }, 2 * TEST_MS);

  test.each(names)('%s: moments of its training', async (name) => {
    const { bytes, moments, firstTime } = bundledModels[name];
    for (const [moment, network, off] of [[0, 'layers', []], [5, 'action', []], [12, 'layers', ['relu']]])
      await withModel(off.length ? withoutBranch(atMoment(bytes, moments, moment), 'residual') : atMoment(bytes, moments, moment), firstTime, async (then) => {
        const settings = { model: name, moment, network, off };
        await page.set(settings);
        await checkDials(page, then, settings);
        if (moment > 0) await checkHeat(page, then, settings); // a model that has learned nothing may have one colour
        await checkKernel(page, then, settings);
      });
  }, 2 * TEST_MS);

  test.each(names)('%s: losses, λ and freq over its training', async (name) => {
    const pairs = [0, 6, 3];
    await page.set({ model: name, pairs });
    const { metadata, tensors } = readFile(bundledModels[name].moments);
    const { moments, evaluations } = JSON.parse(metadata.history);
    const steps = moments.map(({ step }) => step);
    const tensor = (i, wanted) => numbersOf(tensors.get(`${String(i).padStart(3, '0')}.rope.${wanted}`));
    await page.figure('order-scale', (found) => {
      same(column(found, 'step'), steps, 0, 'steps');
      same(column(found, 'λ (order_scale)'), steps.map((_, i) => tensor(i, 'order_scale')[0]), 0, 'λ');
    });
    await page.figure('freq', (found) => {
      same(column(found, 'step'), steps, 0, 'steps');
      expect(found.head.length).toBe(1 + pairs.length);
      for (const pair of pairs) same(column(found, `pair ${pair}`), steps.map((_, i) => tensor(i, 'freq')[pair]), 0, `freq of pair ${pair}`);
    });
    await page.figure('losses', (found) => {
      const all = [...new Set([...steps, ...evaluations.map(({ step }) => step)])].sort((a, b) => a - b);
      const numberAt = (list, step, key) => list.find((one) => one.step === step)?.[key] ?? NaN;
      same(column(found, 'step'), all, 0, 'steps');
      sameOrNone(numbersIn(found, 'loss of the batch (mean log loss)'), all.map((step) => numberAt(moments, step, 'loss')), 0, 'losses');
      sameOrNone(numbersIn(found, 'NE on held-out events'), all.map((step) => numberAt(evaluations, step, 'mean_ne')), 0, 'NE');
    });
  }, TEST_MS);

  test.each([
    { model: 'rhythm' },
    { model: 'rhythm', span: 'week', time: Date.UTC(2024, 0, 25, 2, 15), edits: '39m-1440.0l.1l.38r.12m90000' },
    { model: 'kuairand', person: 1, time: Date.UTC(2022, 4, 4, 14, 30) },
    { model: 'kuairand', person: 0, edits: '51r.50l.49m90', span: 'hour' },
    { model: 'kuairand', person: 2, network: 'action', off: ['sine'], moment: 3 }, // which changes nothing about the feed
  ])('the feed: %j', async (settings) => {
    await page.set(settings);
    await checkFeed(page, new ExpectedFeed(expected[settings.model], settings.model, settings), settings);
  }, TEST_MS);

  test.each(goldens)('a dropped model: %s', async (folder) => {
    const bytes = new Uint8Array(readFileSync(goldenModel(folder)));
    await page.drop(bytes, `${folder}.safetensors`);
    await withModel(bytes, firstTimeOf(bytes), async (dropped) => {
      const variant = dropped.model.info.config.variant;
      await checkDials(page, dropped, {});
      await checkKernel(page, dropped, {});
      if (variant !== 'siren') await checkClock(page, dropped, {});
      const settings = { model: 'file', span: 'week', time: dropped.firstTime + 40 * HOUR - (dropped.firstTime % MINUTE), network: variant === 'siren' ? 'action' : 'layers' };
      await page.set(settings);
      await checkHeat(page, dropped, settings);
    });
  }, TEST_MS);

  test('a dropped model of 64 pairs with 16 angles: dials, heat map, lines, spectrum, attention', async () => {
    const bytes = await tiledModel(64, 16);
    await page.drop(bytes, 'wide.safetensors');
    await withModel(bytes, firstTimeOf(bytes), async (wide) => {
      expect(wide.model.info.sizes).toMatchObject({ P: 64, A: 16 });
      const settings = { model: 'file', pairs: [0, 17, 63], span: 'day' };
      await page.set(settings);
      await checkDials(page, wide, settings);
      await checkHeat(page, wide, settings);
      await checkLines(page, wide, settings);
      await checkSpectrum(page, wide, settings);
      await checkTokens(page, wide, settings);
      await checkKernel(page, wide, settings);
      await checkClock(page, wide, settings);
    });
  }, TEST_MS);

  // Training makes more of every rounding: the two modules were within 1e-6 for 80 steps, and 1e-3 apart after 180.
  test('live training: the first steps are those of a training here', () => checkLive(page, 60, 1e-5), TEST_MS);
});

/** A made model with fewer learned angles than pairs: the rotation's last linears and freq cut to the first A. */
async function tiledModel(pairs, A) {
  const { metadata, tensors } = readFile(await makeModel(pairs));
  const cut = (tensor) => ({ ...tensor, shape: [A, ...tensor.shape.slice(1)], bytes: tensor.bytes.subarray(0, (tensor.bytes.length / tensor.shape[0]) * A) });
  const isOfAngles = ([name, { shape }]) => /^rope\.freq$|angle_nn\.(net|residual)\.\d+\.(weight|bias)$/.test(name) && shape[0] === pairs;
  return writeFile({ metadata, tensors: new Map([...tensors].map((entry) => [entry[0], isOfAngles(entry) ? cut(entry[1]) : entry[1]])) });
}

inBrowser('firefox', (page) => {
  someOfEach(page);
});

inBrowser('webkit', (page) => {
  test('has the strict module', () => expect(page.build).toBe('simd'));
  someOfEach(page);

  test('live training: to the bit a training here, and the rotation that it has reached', async () => {
    const model = await checkLive(page, Infinity, 0);
    await withModel(model, bundledModels.rhythm.firstTime, async (grown) => {
      await checkDials(page, grown, {});
      await checkHeat(page, grown, {});
    });
  }, TEST_MS);
});
