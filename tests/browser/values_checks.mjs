// values_checks.mjs: every figure of the page against what is expected: its numbers, its words, its pixels. A check reads the
// page until it agrees, and throws the last disagreement when it does not within half a minute.
import { loadPage } from '../js/page_support.mjs';
import { openPage, readFigure, setState } from './page.mjs';
import { readPixels } from './pixels.mjs';
import { DAY, GRID, HOUR, MINUTE, WEEK, addressTime, column, dailyPair, eventually, gridTimes, same, spanMs, strongest, windowFrom, wrap } from './values_expected.mjs';

const { angleColour } = await loadPage('demo/src/maths/cyclic.ts');

/** cos, sin and pow are each engine's own. A day's place times the frequencies is below 1e4. */
const MATHS = 1e-9;
const SIZE = { width: 1280, height: 1000 };

/** A state's address: { model, time, span, network, perDay, unwrapped, pairs, off: ['sine'], moment, person, edits, more } */
export function address({ model = 'rhythm', time, span, network, perDay, unwrapped, pairs, off = [], moment, person, edits, more }) {
  const set = {
    chapter: 0, model, span, net: network, perday: perDay, moment, person, edits,
    t: time === undefined ? undefined : addressTime(time),
    unwrapped: unwrapped && 1,
    pairs: pairs?.join('.'),
    ...Object.fromEntries(off.map((name) => [name, 0])),
    ...more,
  };
  return new URLSearchParams(Object.entries(set).filter(([, value]) => value !== undefined)).toString();
}

/** A page in a browser. tolerance: of radians and of probabilities: 0 where the page has the same module as this process. */
export class Page {
  async open(browser, server, settings = {}) {
    this.browser = browser;
    await openPage(browser, server, address(settings), SIZE);
    await this.findBuild();
  }

  /*
   * The strict module has the same bits everywhere. The relaxed one may fuse a product and a sum: float32's 6e-8 of every term
   * either way, so that a network of a few layers, its output some units in size, differs in the sixth decimal: 2e-6 was found.
   * A degree is 1.7e-2, and a step of the colours 1.2e-2.
   */
  async findBuild() {
    const build = await this.browser.waitFor(() => [...document.querySelectorAll('.facts div')].find((row) => /wasm build/.test(row.textContent))?.querySelector('dd').textContent);
    if (!['simd', 'relaxed'].includes(build)) throw new Error(`which build is ${build}?`);
    this.build = build;
    this.tolerance = build === 'simd' ? 0 : 1e-5;
  }

  set(settings) {
    return setState(this.browser, address(settings));
  }

  /** Opens a file as its reader would drop it. */
  async drop(bytes, name) {
    await this.browser.dropFile('#drop', name, bytes);
    await this.browser.waitFor((wanted) => [...document.querySelectorAll('.facts dd')].some((fact) => fact.textContent === wanted), [name]);
    await this.set({ model: 'file' });
  }

  figure(id, check) {
    return eventually(() => readFigure(this.browser, id), check);
  }

  /** The figure's picture as it is on the screen: { width, height, at(x, y) } in the canvas's own coordinates. */
  async shot(id) {
    const [left, top, width, height] = await this.browser.evaluate(async (name) => {
      const frame = document.getElementById(name).querySelector('.frame');
      const box = () => frame.querySelector('canvas.base').getBoundingClientRect();
      frame.scrollIntoView({ block: 'center' });
      // text above may end between two pixels, and the picture would be blurred
      document.body.style.paddingTop = `${(parseFloat(document.body.style.paddingTop) || 0) + Math.ceil(box().top) - box().top}px`;
      for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame); // it is drawn in the next
      return [box().left, box().top, box().width, box().height];
    }, id);
    const pixels = readPixels(await this.browser.screenshot());
    return { width, height, at: (x, y) => pixels.at(left + x, top + y) };
  }

  colour(name) {
    return this.browser.evaluate((property) => {
      const probe = document.body.appendChild(document.createElement('i'));
      probe.style.color = `var(--${property})`;
      const found = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number);
      probe.remove();
      return found;
    }, name);
  }
}

const apart = (a, b) => Math.max(...a.map((v, i) => Math.abs(v - b[i])));
const bytesOf = (colour) => colour.match(/\d+/g).map(Number);
const must = (condition, message) => {
  if (!condition) throw new Error(message);
};

/* ---------------------------------------------------------------- clock and dials */

const DEGREE = 180 / Math.PI;
/** The whole degrees nearest to an angle, the other one too where it is within the tolerance of the middle. */
const isDegree = (found, angle, tolerance) => Math.abs(wrap(found / DEGREE - angle)) <= 0.5 / DEGREE + tolerance + 1e-9;

export async function checkDials(page, expected, settings) {
  const time = settings.time ?? expected.firstTime;
  const now = expected.at([time], settings);
  const start = expected.at([expected.origin], settings);
  const frozen = now.learned.map((angle, j) => angle - now.timePart[j] + start.timePart[j]);
  await page.figure('dials', (found) => {
    same(column(found, 'pair'), Array.from(now.learned, (_, j) => j), 0, 'pairs');
    same(column(found, 'learned (rad)'), now.learned, page.tolerance, 'learned');
    same(column(found, 'learned (turns)'), now.learned.map((angle) => angle / 2 / Math.PI), page.tolerance, 'turns');
    same(column(found, 'fixed RoPE (rad)'), now.ordinal, MATHS, 'fixed');
    same(column(found, 'time part frozen (rad)'), frozen, page.tolerance, 'frozen');
    must(column(found, 'time (ms)').every((t) => t === time), 'another time');
    must(column(found, 'frozen at (ms)').every((t) => t === expected.origin), 'frozen at another time');
  });

  const meters = () => page.browser.evaluate(() => [...document.querySelectorAll('#dials [role=meter]')].map((meter) => [meter.getAttribute('aria-valuenow'), meter.getAttribute('aria-valuetext')]));
  await eventually(meters, (found) => {
    must(found.length === expected.pairs, `${found.length} meters`);
    found.forEach(([value, text], j) => {
      const [, learned, fixed, still] = /^(-?\d+)°; fixed RoPE (-?\d+)°; time part frozen (-?\d+)°$/.exec(text) ?? [];
      must(value === learned && isDegree(Number(learned), now.learned[j], page.tolerance), `meter ${j}: ${value}, ${text}, wanted ${now.learned[j] * DEGREE}`);
      must(isDegree(Number(fixed), now.ordinal[j], MATHS) && isDegree(Number(still), frozen[j], page.tolerance), `meter ${j}: ${text}`);
    });
  });
  return now;
}

/** The tips of the learned hands, of dials in one row. */
export async function checkHands(page, expected, settings) {
  const { learned } = expected.at([settings.time ?? expected.firstTime], settings);
  const colour = await page.colour('learned');
  await eventually(() => page.shot('dials'), ({ width, at }) => {
    const cell = Math.min(156, width / expected.pairs);
    for (let j = 0; j < expected.pairs; j++) {
      const [x, y] = [(width - expected.pairs * cell) / 2 + (j + 0.5) * cell, cell / 2];
      const tip = (turn, sign) => at(x + 0.336 * cell * Math.cos(learned[j] + turn), y - sign * 0.336 * cell * Math.sin(learned[j] + turn));
      must(apart(tip(0, 1), colour) < 30, `dial ${j}: no tip at ${learned[j]}`);
      must(apart(tip(1, 1), colour) > 30 || apart(tip(2, 1), colour) > 30, `dial ${j}: tips all round`);
    }
  });
}

export async function checkTokens(page, expected, settings) {
  const time = settings.time ?? expected.firstTime;
  const times = [time, time - 12 * HOUR, time - DAY];
  const { learned, ordinal } = expected.at(times, settings);
  const pair = dailyPair(expected.spectrum(settings));
  await page.figure('tokens', (found) => {
    must(String(column(found, 'token')) === 'now,12 hours ago,a day ago', 'other tokens');
    must(column(found, 'when (UTC)').every((words, i) => words === `${new Date(times[i]).toUTCString().slice(0, 3)} ${addressTime(times[i]).slice(11)}`), 'other times');
    const turned = column(found, 'turned against now (rad)');
    const wanted = times.map((_, i) => learned[i * expected.pairs + pair] - learned[pair]);
    same(turned.map((angle, i) => wrap(angle - wanted[i])), [0, 0, 0], 2 * page.tolerance + MATHS, 'turned');
    must(turned.every((angle) => Math.abs(angle) <= Math.PI), 'not wrapped');
    same(column(found, 'match, learned'), expected.kernel(learned, 0), 2 * page.tolerance + MATHS, 'match');
    same(column(found, 'match, fixed RoPE'), expected.kernel(ordinal, 0), MATHS, 'match of fixed RoPE');
  });
  const words = await page.browser.evaluate(() => [document.querySelector('#tokens [role=img]').getAttribute('aria-label'), document.querySelector('#tokens figcaption').textContent]);
  must(words[0].startsWith(`Pair ${pair} of`) && words[1].includes(`pair ${pair},`), `pair ${pair} swings most with the day, not ${words}`);
}

/* ---------------------------------------------------------------- angles over time */

function checkTimes(found, time, span) {
  const wanted = gridTimes(time, span).map((t) => new Date(t).toISOString());
  must(column(found, 'time (UTC)').every((t, i) => t === wanted[i]), `times from ${found.rows[0][0]}, wanted from ${wanted[0]}`);
}

export async function checkHeat(page, expected, settings) {
  const { span = 'day', time = expected.firstTime } = settings;
  const { learned } = expected.at(gridTimes(time, span), settings);
  await page.figure('heat', (found) => {
    must(found.rows.length === GRID && found.head.length === expected.pairs + 1, `${found.rows.length} rows of ${found.head.length}`);
    checkTimes(found, time, span);
    same(found.rows.flatMap((row) => row.slice(1)), learned, page.tolerance, 'heat');
  });
  await checkColours(page, expected, learned, time, span);
}

const wrapTo = (v, period) => v - period * Math.round(v / period);

/** Colours on the screen: a pixel has that of its own column of the picture or, where the canvas lies between pixels, of the next. */
async function checkColours(page, { pairs }, learned, time, span) {
  const lines = { hour: 5 * MINUTE, day: HOUR, week: 3 * HOUR, month: DAY, season: WEEK }[span]; // at no other times
  const windowAt = windowFrom(time, span);
  await eventually(() => page.shot('heat'), ({ width, height, at }) => {
    const [left, top, right, bottom] = [44, 12, width - 8, height - 24];
    const timeAt = (x) => windowAt + ((x - left) / (right - left)) * spanMs(span);
    const pixel = spanMs(span) / (right - left);
    const isFree = (x) => Math.abs(timeAt(x) - time) > 8 * pixel && Math.abs(wrapTo(timeAt(x) - windowAt, lines)) > 3 * pixel;
    const columns = Array.from({ length: 90 }, (_, i) => Math.floor(left + 2 + ((right - left - 4) * i) / 90)).filter((x) => isFree(x + 0.5));
    must(columns.length >= 30, `only ${columns.length} columns are free`);
    const seen = new Set();
    for (const x of columns)
      for (let j = 0; j < pairs; j++) {
        const pixelColour = at(x, top + ((j + 0.5) * (bottom - top)) / pairs);
        const near = [-1, 0, 1].map((step) => Math.floor(((x + 0.5 - left) / (right - left)) * GRID) + step).filter((i) => i >= 0 && i < GRID);
        const wanted = near.flatMap((i) => [-1, 0, 1].map((side) => bytesOf(angleColour(learned[i * pairs + j] + side * 2e-5))));
        must(wanted.some((colour) => apart(colour, pixelColour) <= 2), `pair ${j}, pixel ${x}: ${pixelColour}, wanted one of ${wanted.join('; ')}`);
        seen.add(String(pixelColour));
      }
    must(seen.size >= 10, `only ${seen.size} colours`);
  });
}

export async function checkLines(page, expected, settings) {
  const { span = 'day', time = expected.firstTime, pairs = [0, 1, 2, 3], unwrapped = false } = settings;
  const { learned } = expected.at(gridTimes(time, span), settings);
  const lines = pairs.map((pair) => Float64Array.from({ length: GRID }, (_, i) => (unwrapped ? (v) => v : wrap)(learned[i * expected.pairs + pair])));
  await page.figure('lines', (found) => {
    must(String(found.head) === ['time (UTC)', ...pairs.map((pair) => `pair ${pair}`)].join(), `columns ${found.head}`);
    checkTimes(found, time, span);
    lines.forEach((line, s) => {
      const values = column(found, `pair ${pairs[s]}`);
      same(values.map((v, i) => (unwrapped ? v - line[i] : wrap(v - line[i]))), new Array(GRID).fill(0), page.tolerance + (unwrapped ? 0 : MATHS), 'lines');
      must(unwrapped || values.every((v) => Math.abs(v) <= Math.PI + 1e-9), 'not wrapped');
    });
  });

  // Ink where the first line is (it is not dashed, and others may lie over it) and, where it is flat, none above and below.
  const colour = await page.colour('series-0');
  const all = lines.flatMap((line) => [...line]);
  const [least, most] = unwrapped ? [Math.min(...all), Math.max(...all)] : [-Math.PI, Math.PI];
  const room = unwrapped ? 0.06 * (most - least) : 0;
  const INK = 100; // a line's edge has less than half of its colour, on white
  await eventually(() => page.shot('lines'), ({ width, height, at }) => {
    const [left, top, right, bottom] = [44, 22, width - 10, height - 24];
    const x = (i) => left + ((right - left) * i) / GRID;
    const y = (v) => bottom - ((v - least + room) / (most - least + 2 * room)) * (bottom - top);
    const cursor = left + ((time - windowFrom(time, span)) / spanMs(span)) * (right - left);
    let n = 0;
    for (let i = 8; i < GRID - 8; i += 7) {
      const middle = y(lines[0][i]);
      const farthest = (line) => Math.max(...Array.from({ length: 15 }, (_, step) => Math.abs(y(line[i - 7 + step]) - middle)));
      const nearest = Math.min(Infinity, ...lines.slice(1).flatMap((line) => [-4, -2, 0, 2, 4].map((step) => Math.abs(y(line[i + step]) - middle))));
      const isPoint = !unwrapped && [-1, 1].every((step) => Math.abs(lines[0][i + step] - lines[0][i]) > Math.PI); // not drawn
      if (isPoint || nearest < 6 || middle < top + 1 || middle > bottom - 1 || Math.abs(x(i) - cursor) < 9) continue;
      const around = [-1, -0.5, 0, 0.5, 1]; // the canvas may lie between pixels
      const ink = (by) => Math.min(...around.flatMap((down) => around.map((right) => apart(at(x(i) + right, middle + by + down), colour))));
      must(ink(0) < INK, `no ink of pair ${pairs[0]} at ${i}, ${lines[0][i]}: pixel ${x(i)}, ${middle}`);
      if (farthest(lines[0]) < 5 && nearest > 24 && middle > top + 14 && middle < bottom - 14)
        must(ink(-11) >= INK && ink(11) >= INK, `ink of pair ${pairs[0]} beside ${i}, ${lines[0][i]}`);
      n++;
    }
    must(n >= 15, `only ${n} points of the line could be looked at`);
  });
}

/** "1.5 days" and what may have been rounded to it, in milliseconds. */
function periodOf(words) {
  const [, number, unit] = /^([\d.]+) (min|h|hours?|days?|weeks?)$/.exec(words) ?? [];
  const ms = { min: MINUTE, h: HOUR, hour: HOUR, day: DAY, week: WEEK }[unit?.replace(/s$/, '')];
  must(ms, `not a period: ${words}`);
  return { ms: Number(number) * ms, within: ms * (unit === 'min' ? 0.5 : 0.05) + 1 };
}

export async function checkSpectrum(page, expected, settings) {
  const { pairs = [0, 1, 2, 3] } = settings;
  const spectrum = expected.spectrum(settings);
  const tolerance = page.tolerance + MATHS;
  await page.figure('spectrum', (found) => {
    const k = column(found, 'cycles in four weeks');
    same(k, Array.from({ length: 1024 }, (_, i) => i + 1), 0, 'cycles');
    same(column(found, 'period (hours)'), k.map((cycles) => 672 / cycles), MATHS, 'periods');
    must(found.head.length === 2 + pairs.length, `columns ${found.head}`);
    for (const pair of pairs) same(column(found, `pair ${pair}`), spectrum[pair].shares.subarray(1), tolerance, `shares of pair ${pair}`);
  });
  const wanted = strongest(spectrum).slice(0, 4).filter(({ share }) => share >= 0.005);
  const said = () => page.browser.evaluate(() => [document.querySelector('#spectrum figcaption p').textContent, document.querySelector('#spectrum [role=img]').getAttribute('aria-label')]);
  await eventually(said, (texts) => {
    for (const text of texts) {
      const periods = [...text.replace(/^.*together: |^.*all pairs: /, '').matchAll(/([\d.]+ [a-z]+) (\d+) ?%/g)].map(([, words, percent]) => ({ ...periodOf(words), percent: Number(percent) }));
      must(periods.length === wanted.length, `${periods.length} periods in: ${text}`);
      periods.forEach(({ ms, within, percent }, i) => {
        must(Math.abs((4 * WEEK) / wanted[i].k - ms) <= within, `period ${i} of: ${text}, wanted ${672 / wanted[i].k} hours`);
        must(Math.abs(100 * wanted[i].share - percent) <= 0.5 + 100 * tolerance, `share ${i} of: ${text}, wanted ${wanted[i].share}`);
      });
    }
  });
}

/* ---------------------------------------------------------------- attention */

const kindsOf = ({ model: { info }, siren }) => [
  { angles: 'learned', name: siren ? 'SIREN-RoPE (this model)' : `this model (${info.config.variant})` },
  { angles: 'torope', name: 'TO-RoPE' },
  { angles: 'ordinal', name: 'ordinal RoPE' },
];

export async function checkKernel(page, expected, settings) {
  const { span = 'day', time = expected.firstTime } = settings;
  const unit = { hour: ['minutes earlier', MINUTE], day: ['hours earlier', HOUR] }[span] ?? ['days earlier', DAY];
  await page.figure('kernel', (found) => {
    const n = found.rows.length - 1; // equal steps, the last is the query
    must(n >= 400, `only ${n} distances`);
    const times = Array.from({ length: n + 1 }, (_, i) => time - spanMs(span) + (spanMs(span) * i) / n);
    const rotations = expected.at(times, settings);
    same(column(found, unit[0]), times.map((t) => (time - t) / unit[1]), MATHS, 'distances');
    for (const { angles, name } of kindsOf(expected))
      same(column(found, name), expected.kernel(rotations[angles], n), (angles === 'learned' ? 2 * page.tolerance : 0) + MATHS, name);
  });
}

export async function checkClock(page, expected, settings) {
  const { time = expected.firstTime } = settings;
  const from = Math.floor(time / DAY) * DAY - 6 * DAY;
  const times = Array.from({ length: 7 * 24 }, (_, i) => from + i * HOUR).filter((t) => t <= time);
  const rotations = expected.at([...times, time], settings);
  const maps = kindsOf(expected).map(({ angles, name }) => ({ name, isLearned: angles === 'learned', values: expected.kernel(rotations[angles], times.length).slice(0, -1) }));
  await page.figure('clock', (found) => {
    must(String(column(found, 'time (UTC)')) === String(times.map((t) => new Date(t).toISOString())), 'other hours');
    for (const { name, isLearned, values } of maps) same(column(found, name), values, (isLearned ? 2 * page.tolerance : 0) + MATHS, name);
  });

  // −1 orange, 0 pale, 1 blue
  const panel = await page.colour('panel');
  const colourOf = (value) => [244, 244, 244].map((pale, i) => pale + Math.abs(value) * ((value < 0 ? [200, 94, 4] : [13, 74, 154])[i] - pale));
  await eventually(() => page.shot('clock'), ({ width, at }) => {
    const columns = Math.min(3, Math.floor((width + 26) / 216));
    must(columns === 3, 'three calendars in a row are looked at here');
    const each = (width - 2 * 26) / 3;
    const cell = (each - 36) / 24;
    const pixel = (m, i) => at(m * (each + 26) + 36 + ((i % 24) + 0.5) * cell, 24 + Math.floor(i / 24) * 15 + 7);
    maps.forEach(({ name, values }, m) => {
      for (let i = m; i < values.length; i += 5)
        must(apart(pixel(m, i), colourOf(values[i])) <= 2, `${name}, hour ${i}: ${pixel(m, i)}, wanted ${colourOf(values[i])} of ${values[i]}`);
      for (let i = times.length + 1; i < 7 * 24; i += 3) must(apart(pixel(m, i), panel) <= 2, `${name}: hour ${i} is yet to come, but ${pixel(m, i)}`);
    });
  });
}

/* ---------------------------------------------------------------- over training */

/** The number in a cell, NaN where there is none. */
const numberIn = (cell) => (typeof cell === 'number' ? cell : NaN);
export const numbersIn = (found, name) => column(found, name).map(numberIn);

/** Where both are not numbers they are alike. */
export const sameOrNone = (found, wanted, tolerance, what) => {
  must(found.every((v, i) => Number.isNaN(v) === Number.isNaN(wanted[i])), `${what}: numbers in other places: ${found}, wanted ${wanted}`);
  same(found.filter((v) => !Number.isNaN(v)), wanted.filter((v) => !Number.isNaN(v)), tolerance, what);
};
