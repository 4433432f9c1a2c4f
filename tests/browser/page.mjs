// page.mjs: what the tests of the interactive page share: it served, opened, ready, and its figures' numbers.
import { builtPage, serve } from './server.mjs';

/** The built page; $PAGE names another folder, for who builds beside others. */
export const pageFolder = process.env.PAGE ? new URL(`file://${process.env.PAGE}/`).pathname : builtPage;

export function servePage(options = {}) {
  return serve({ folder: pageFolder, ...options });
}

/** Opens the page with this state ('span=week&chapter=0') and waits until its first numbers are there. */
export async function openPage(browser, server, state = '', options = {}) {
  await browser.open(`${server.url}${state ? `#${state}` : ''}`, options);
  await ready(browser);
}

export function ready(browser) {
  return browser.waitFor(() => performance.getEntriesByName('interactive', 'mark').length > 0, [], 60_000);
}

/** Scrolls a figure into view, waits until it is drawn, and resolves to its numbers: { head, rows } of its CSV. */
export async function readFigure(browser, id) {
  await browser.evaluate((name) => document.getElementById(name).scrollIntoView({ block: 'center' }), id);
  const text = await browser.waitFor(
    (name) => {
      const figure = document.getElementById(name);
      return figure.querySelector('.empty') ? '' : figure.csv();
    },
    [id],
  );
  return parseCsv(text);
}

/** As RFC 4180 says. Numbers become numbers. */
export function parseCsv(text) {
  const rows = text.trimEnd().split('\r\n').map((line) => [...`${line},`.matchAll(/("(?:[^"]|"")*"|[^,]*),/g)].map(([, cell]) => cell));
  const cell = (value) => {
    if (value?.startsWith('"')) return value.slice(1, -1).replaceAll('""', '"');
    return value !== '' && !Number.isNaN(Number(value)) ? Number(value) : value;
  };
  const [head, ...rest] = rows.map((row) => row.map(cell));
  return { head, rows: rest };
}

export function setState(browser, state) {
  return browser.evaluate((text) => {
    location.hash = text;
  }, state);
}
