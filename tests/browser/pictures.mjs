// pictures.mjs: `node tests/browser/pictures.mjs [NAME...]` makes the pictures in docs/page: every chapter of the page, wide and narrow, at a
// fixed state, after everything rested. They are for people to look at, and the README shows one. Palettes keep them small.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { deflateSync } from 'node:zlib';
import { PNG } from 'pngjs';
import { launch } from './browsers.mjs';
import { openPage, servePage } from './page.mjs';

const SIZES = { wide: { width: 1280, height: 900 }, narrow: { width: 360, height: 780 } };
const TIME = 't=2024-01-25T09:30';

/** What is at the top of the picture, by chapter. */
const CHAPTERS = [
  { state: `chapter=1&${TIME}`, wide: '#chapter', narrow: '#dials' },
  { state: `chapter=2&span=week&${TIME}`, wide: '#chapter', narrow: '#heat' },
  { state: `chapter=3&span=month&${TIME}`, wide: '#lines', narrow: '#spectrum' },
  { state: `chapter=4&span=week&${TIME}`, wide: '#chapter', narrow: '#kernel' },
  { state: `chapter=5&${TIME}&moment=6`, wide: '#chapter', narrow: '#view-training' },
  { state: `chapter=6&${TIME}`, wide: '#chapter', narrow: '.ranking' },
];
export const pagePicture = { name: 'page.png', width: 1440, height: 960 };

/** [[name, { width, height, state, top, trains }]] */
export function chapterPictures() {
  return Object.entries(SIZES).flatMap(([kind, size]) => [
    ...CHAPTERS.map((chapter, i) => [`chapter-${i + 1}-${kind}.png`, { ...size, state: chapter.state, top: chapter[kind] }]),
    [`chapter-5-live-${kind}.png`, { ...size, state: 'chapter=5&span=week', top: kind === 'wide' ? '#live' : '#live-begin', trains: true }],
  ]);
}

const COLOURS = 256;

/** The palette of median cut: boxes of colours are cut at the median of their longest side, the fullest first. */
function paletteOf(counts) {
  const colours = [...counts].map(([rgb, count]) => ({ at: [rgb >> 16, (rgb >> 8) & 255, rgb & 255], count }));
  const measure = (list) => {
    const sides = [0, 1, 2].map((k) => Math.max(...list.map(({ at }) => at[k])) - Math.min(...list.map(({ at }) => at[k])));
    const side = sides.indexOf(Math.max(...sides));
    return { list, side, weight: sides[side] * Math.sqrt(list.reduce((sum, { count }) => sum + count, 0)) };
  };
  const boxes = [measure(colours)];
  while (boxes.length < COLOURS) {
    const next = boxes.reduce((best, box, i) => (box.list.length > 1 && box.weight > (boxes[best]?.weight ?? 0) ? i : best), -1);
    if (next < 0) break;
    const [{ list, side }] = boxes.splice(next, 1);
    list.sort((a, b) => a.at[side] - b.at[side]);
    const half = list.reduce((sum, { count }) => sum + count, 0) / 2;
    let cut = 1;
    for (let sum = list[0].count; cut < list.length - 1 && sum + list[cut].count / 2 < half; cut++) sum += list[cut].count;
    boxes.push(measure(list.slice(0, cut)), measure(list.slice(cut)));
  }
  // a colour that much of the picture has stays as it is
  return boxes.map(({ list }) => {
    const total = list.reduce((sum, { count }) => sum + count, 0);
    const most = list.reduce((best, one) => (one.count > best.count ? one : best));
    if (most.count > total / 2) return most.at;
    return [0, 1, 2].map((k) => Math.round(list.reduce((sum, { at, count }) => sum + at[k] * count, 0) / total));
  });
}

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/** A PNG of at most 256 colours from one of any. */
export function smallPng(png) {
  const { width, height, data } = PNG.sync.read(Buffer.from(png));
  const counts = new Map();
  const colourAt = (i) => (data[4 * i] << 16) | (data[4 * i + 1] << 8) | data[4 * i + 2];
  for (let i = 0; i < width * height; i++) counts.set(colourAt(i), (counts.get(colourAt(i)) ?? 0) + 1);
  const palette = paletteOf(counts);
  const nearest = new Map([...counts.keys()].map((rgb) => {
    let best = 0, least = Infinity;
    palette.forEach(([r, g, b], k) => {
      const distance = (r - (rgb >> 16)) ** 2 + (g - ((rgb >> 8) & 255)) ** 2 + (b - (rgb & 255)) ** 2;
      if (distance < least) [best, least] = [k, distance];
    });
    return [rgb, best];
  }));
  const rows = Buffer.alloc(height * (width + 1)); // each begins with its filter: none
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = nearest.get(colourAt(y * width + x));
  const chunk = (type, body) => {
    const named = Buffer.concat([Buffer.from(type, 'latin1'), body]);
    const whole = Buffer.alloc(named.length + 8);
    whole.writeUInt32BE(body.length);
    named.copy(whole, 4);
    whole.writeUInt32BE(crc32(named), named.length + 4);
    return whole;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width);
  head.writeUInt32BE(height, 4);
  head.set([8, 3], 8); // bits, palette
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head), chunk('PLTE', Buffer.from(palette.flat())),
    chunk('IDAT', deflateSync(rows, { level: 9 })), chunk('IEND', Buffer.alloc(0)),
  ]);
}

async function take(browser, server, { width, height, state, top, trains = false, dark = false }) {
  await openPage(browser, server, state, { width, height, dark, reducedMotion: true });
  if (trains) {
    await browser.click('#live-begin');
    await browser.waitFor(() => {
      const progress = document.querySelector('#live progress');
      return progress !== null && progress.value === progress.max;
    }, [], 180_000);
    await browser.evaluate(() => document.activeElement.blur());
  }
  const scroll = () =>
    browser.evaluate((selector) => {
      const element = document.querySelector(selector);
      scrollTo({ top: element.getBoundingClientRect().top + scrollY - 12, behavior: 'instant' });
      return [...document.querySelectorAll('.frame .empty')].every((empty) => {
        const { top, bottom } = empty.getBoundingClientRect();
        return bottom < 0 || top > innerHeight;
      }) && (document.querySelector('#feed-list.stale') === null || selector !== '.ranking');
    }, top);
  for (let rested = 0; rested < 8;) { // two seconds long nothing is empty, nor moves what is above
    await new Promise((done) => setTimeout(done, 250));
    rested = (await scroll()) ? rested + 1 : 0;
  }
  return browser.screenshot();
}

async function main(wanted) {
  const folder = fileURLToPath(new URL('../../docs/page/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  const server = await servePage();
  const browser = await launch({ browser: 'chromium' });
  try {
    const all = [...chapterPictures(), [pagePicture.name, { ...pagePicture, state: `chapter=2&span=week&${TIME}`, top: '#chapter' }]];
    for (const [name, what] of all) {
      if (wanted.length > 0 && !wanted.some((part) => name.startsWith(part))) continue;
      const png = smallPng(await take(browser, server, what));
      writeFileSync(folder + name, png);
      console.log(`${name}: ${what.width} × ${what.height}, ${png.length} bytes`);
    }
  } finally {
    await browser.close();
    await server.stop();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
