// What can be saved: every figure as SVG, PNG and CSV, looked into.
import { parseCsv } from './page.mjs';
import { inEachBrowser } from './use_support.mjs';

const COLUMNS = 16;
const ROWS = 8;

/**
 * What a picture is made of: a figure as it is on the screen, an SVG's text as the browser draws it, or a PNG in base64. Resolves
 * to its size and the mean colour of each of COLUMNS × ROWS fields: what is left of it when its text and its edges blur.
 */
async function look({ figure, svg, png }, columns, rows) {
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const sized = (width, height) => {
    [canvas.width, canvas.height] = [width, height];
    context.fillStyle = '#fff'; // as the page's panel is
    context.fillRect(0, 0, width, height);
  };
  const read = () => context.getImageData(0, 0, canvas.width, canvas.height).data;
  if (figure) {
    const layers = [...document.querySelectorAll(`#${figure} canvas`)];
    sized(layers[0].width, layers[0].height);
    for (const layer of layers) context.drawImage(layer, 0, 0);
  } else {
    const bytes = svg ?? Uint8Array.from(atob(png), (char) => char.charCodeAt(0));
    const image = new Image();
    image.src = URL.createObjectURL(new Blob([bytes], { type: svg ? 'image/svg+xml' : 'image/png' }));
    await image.decode();
    for (let tries = 0; tries < 50; tries++) { // WebKit says that an SVG is decoded before it is
      sized(image.naturalWidth, image.naturalHeight);
      context.drawImage(image, 0, 0);
      if (read().some((v) => v < 255)) break;
      await new Promise((done) => setTimeout(done, 50));
    }
  }
  const { width, height } = canvas;
  const data = read();
  const sums = Array.from({ length: columns * rows }, () => [0, 0, 0, 0]);
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at += 4) {
      const sum = sums[Math.floor((y * rows) / height) * columns + Math.floor((x * columns) / width)];
      for (let c = 0; c < 3; c++) sum[c] += data[at + c];
      sum[3]++;
    }
  return { width, height, fields: sums.map(([r, g, b, n]) => [r / n, g / n, b / n]) };
}
/** The greatest difference of a field, but for the column where the line of time is (an element of the page, drawn into files). */
const worst = ({ fields: a }, { fields: b }, column) =>
  Math.max(...a.map((color, i) => (Math.abs((i % COLUMNS) - column) <= 1 ? 0 : Math.max(...color.map((v, c) => Math.abs(v - b[i][c]))))));
const isPlain = ({ fields }) => Math.min(...fields.flat()) > 252;

inEachBrowser((page) => {
  /** Saved by its button: [name, type, bytes] */
  const save = async (id, kind) => {
    const button = `#${id} .files button:nth-of-type(${['SVG', 'PNG', 'CSV'].indexOf(kind) + 1})`;
    await page.browser.evaluate(() => { window.saved = null; });
    await page.click(button);
    const [name, type, base64] = await page.browser.waitFor(() => window.saved);
    return [name, type, Buffer.from(base64, 'base64')];
  };

  const looked = (picture) => page.browser.evaluate(look, picture, COLUMNS, ROWS);

  test('every figure as SVG, PNG and CSV: well-formed, of its size, and with its drawing', async () => {
    await page.open('chapter=0');
    await page.browser.evaluate(() => {
      const create = URL.createObjectURL;
      const blobs = new Map();
      URL.createObjectURL = (blob) => {
        const url = create.call(URL, blob);
        blobs.set(url, blob);
        return url;
      };
      // what a click on a link with `download` gives, without the browser's own dialogue
      HTMLAnchorElement.prototype.click = async function () {
        const blob = blobs.get(this.href);
        const bytes = new Uint8Array(await blob.arrayBuffer());
        let text = '';
        for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
        window.saved = [this.download, blob.type, btoa(text)];
      };
    });
    const ids = await page.figureIds();
    expect(ids.length).toBeGreaterThan(10);
    for (const id of ids) {
      const { head, rows } = await page.figure(id);
      await page.show(`#${id} .frame`);
      await page.frames();
      const [width, height, part] = await page.browser.evaluate((name) => {
        const { clientWidth } = document.querySelector(`#${name} .frame`);
        const line = document.querySelector(`#${name} .cursor:not([hidden])`);
        const part = line ? (line.getBoundingClientRect().left - line.parentElement.getBoundingClientRect().left) / clientWidth : NaN;
        return [clientWidth, parseFloat(document.querySelector(`#${name} canvas.base`).style.height), part];
      }, id);
      const column = Math.floor(part * COLUMNS);
      const screen = await looked({ figure: id });
      expect([id, isPlain(screen)]).toEqual([id, false]);

      const [svgName, svgType, svg] = await save(id, 'SVG');
      expect([svgName, svgType]).toEqual([`siren-rope-${id}.svg`, 'image/svg+xml']);
      const parsed = await page.browser.evaluate((text) => {
        const { documentElement: root } = new DOMParser().parseFromString(text, 'image/svg+xml');
        const count = (tags) => root.querySelectorAll(tags).length;
        return { root: root.localName, namespace: root.namespaceURI, size: ['width', 'height'].map((name) => parseFloat(root.getAttribute(name))), shapes: count('path, line, rect, circle, polyline, ellipse'), words: count('text'), errors: count('parsererror'), outside: count('script, foreignObject') + [...root.querySelectorAll('image')].filter((image) => !/^data:/.test(image.href.baseVal)).length };
      }, svg.toString());
      expect([id, parsed]).toEqual([id, { root: 'svg', namespace: 'http://www.w3.org/2000/svg', size: [width, height], shapes: expect.any(Number), words: expect.any(Number), errors: 0, outside: 0 }]);
      expect(parsed.shapes).toBeGreaterThan(5);
      expect(parsed.words).toBeGreaterThan(3);
      const drawn = await looked({ svg: svg.toString() });
      expect([id, drawn.width, drawn.height]).toEqual([id, width, height]);
      expect([id, 'SVG', worst(drawn, screen, column)]).toEqual([id, 'SVG', expect.toBeLessThanNumber(20)]);

      const [pngName, pngType, bytes] = await save(id, 'PNG');
      expect([pngName, pngType]).toEqual([`siren-rope-${id}.png`, 'image/png']);
      expect(bytes.subarray(0, 8).toString('hex')).toBe('89504e470d0a1a0a');
      expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([2 * width, 2 * height]);
      const png = await looked({ png: bytes.toString('base64') });
      expect([id, png.width, png.height]).toEqual([id, 2 * width, 2 * height]);
      expect([id, 'PNG', worst(png, screen, column)]).toEqual([id, 'PNG', expect.toBeLessThanNumber(12)]);

      const [csvName, csvType, csv] = await save(id, 'CSV');
      expect([csvName, csvType]).toEqual([`siren-rope-${id}.csv`, 'text/csv']);
      expect(parseCsv(csv.toString())).toEqual({ head, rows });
      expect(rows.length).toBeGreaterThan(2);
      expect(rows.every((row) => row.length === head.length)).toBe(true);
      expect(csv.toString()).not.toMatch(/undefined|\[object/);
    }
    // the list of the feed has no picture, but a table
    await page.waitForText('#feed-status', 'explained in');
    await page.browser.evaluate(() => { window.saved = null; });
    await page.click('.ranking .files button');
    const [name, , base64] = await page.browser.waitFor(() => window.saved);
    expect(name).toBe('siren-rope-feed.csv');
    const { head, rows } = parseCsv(Buffer.from(base64, 'base64').toString());
    expect(head.slice(0, 3)).toEqual(['place', 'item', 'score']);
    expect(rows.map(([place]) => place)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });
});

expect.extend({
  toBeLessThanNumber: (found, most) => ({ pass: found < most, message: () => `${found} is not less than ${most}` }),
});
