// The page's export.ts: tables as CSV, as RFC 4180 says.
import { loadPage, randomFrom, times } from './page_support.mjs';

const { csvOf } = await loadPage('demo/src/draw/export.ts', 'csvOf');

/** RFC 4180 read strictly: lines end in CRLF, a cell is quoted as a whole or has no quote, comma or line end in it. */
function readCsv(text) {
  const rows = [[]];
  let at = 0;
  while (at < text.length) {
    const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y;
    cell.lastIndex = at;
    const found = cell.exec(text);
    if (!found) throw new Error(`no cell at ${at}: ${JSON.stringify(text.slice(at, at + 20))}`);
    rows.at(-1).push(found[1]?.replaceAll('""', '"') ?? found[2]);
    at = cell.lastIndex;
    if (found[3] === '\r\n') rows.push([]);
  }
  if (rows.pop().length > 0) throw new Error('the last line does not end');
  return rows;
}

test('quotes where it must and nowhere else; every line ends in CRLF', () => {
  const rows = [['a,b', 'say "so"', 1.5], ['two\nlines', 'two\r\nlines', -0.25], ['', ' kept ', 1e-7], ['semi;colon', "it's", 'ä☕'], ['"', '""', NaN]];
  expect(csvOf({ head: ['x', 'y (h, min)', 'z'], rows })).toBe(
    'x,"y (h, min)",z\r\n"a,b","say ""so""",1.5\r\n"two\nlines","two\r\nlines",-0.25\r\n, kept ,1e-7\r\nsemi;colon,it\'s,ä☕\r\n"""","""""",NaN\r\n',
  );
  expect(csvOf({ head: ['only'], rows: [] })).toBe('only\r\n');
  expect(csvOf({ head: ['a'], rows: [['\r']] })).toBe('a\r\n"\r"\r\n');
});

test('any table is read again, cell by cell', () => {
  const random = randomFrom(17);
  const text = () => times(random.whole(0, 6), () => random.one(['a', 'ß', ' ', ',', '"', '\n', '\r', '\r\n', ';', '=', '☕'])).join('');
  for (let round = 0; round < 1000; round++) {
    const columns = random.whole(1, 5);
    const row = () => times(columns, () => (random.coin() ? text() : random.normal() * 10 ** random.whole(-9, 9)));
    const head = times(columns, text);
    const rows = times(random.whole(0, 5), row);
    expect(readCsv(csvOf({ head, rows }))).toEqual([head, ...rows].map((cells) => cells.map(String)));
  }
});
