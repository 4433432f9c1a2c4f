// The report as one SVG: a bar for every side and case, how many times as fast as onnxruntime-web a request is. Its colours follow the
// viewer's scheme, light or dark; every bar has its number beside it.
import { WEB } from './sides.mjs';

const WIDTH = 880;
const LABEL = 230;
const BAR = 20;
const GAP = 6;
const STYLE = `
  svg { color-scheme: light dark; font: 13px system-ui, sans-serif; --ink: #1d2733; --faint: #6b7785; --ground: #fff; --ours: #0b6e75; --int8: #7b4fa0; --peer: #9aa5b1; }
  @media (prefers-color-scheme: dark) { svg { --ink: #e6edf3; --faint: #9aa7b4; --ground: #10161c; --ours: #41b3b9; --int8: #b894dd; --peer: #66717d; } }
  .ground { fill: var(--ground); } text { fill: var(--ink); } .faint { fill: var(--faint); } .title { font-weight: 600; font-size: 15px; }
  .ours { fill: var(--ours); } .int8 { fill: var(--int8); } .peer { fill: var(--peer); } .one { stroke: var(--faint); stroke-dasharray: 3 3; }`;

const escape = (text) => text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);
const text = (x, y, content, more = '') => `<text x="${x}" y="${y}" ${more}>${escape(content)}</text>`;

function caseBars({ name, sizes, rows, sides }, top, scale) {
  const { [WEB]: web } = rows.request;
  const shown = sides.filter((side) => side.name in rows.request);
  const bottom = top + 26 + shown.length * (BAR + GAP);
  const letters = Object.entries(sizes).map(([letter, size]) => `${letter} = ${size}`).join(', ');
  const parts = [text(16, top + 14, name, 'class="title"'), text(LABEL, top + 14, letters, 'class="faint"')];
  shown.forEach((side, i) => {
    const y = top + 26 + i * (BAR + GAP);
    const ratio = web.median / rows.request[side.name].median;
    const kind = side.isPeer ? 'peer' : side.model === 'int8' ? 'int8' : 'ours';
    const width = Math.max(1, ratio * scale);
    parts.push(text(LABEL - 10, y + 15, side.name, 'text-anchor="end"'),
      `<rect class="${kind}" x="${LABEL}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="2"/>`,
      text((LABEL + width + 6).toFixed(1), y + 15, `${ratio.toFixed(ratio < 10 ? 2 : 1)}×,  ${rows.request[side.name].median.toFixed(1)} ms`, 'class="faint"'));
  });
  parts.push(`<line class="one" x1="${LABEL + scale}" x2="${LABEL + scale}" y1="${top + 22}" y2="${bottom}"/>`);
  return { parts, bottom };
}

/** report of bench.mjs -> SVG text. Cases without a request of the peer are left out. */
export function chart(report) {
  const cases = report.cases.filter(({ rows }) => rows.request?.[WEB]);
  const ratios = cases.flatMap(({ rows }) => Object.values(rows.request).map(({ median }) => rows.request[WEB].median / median));
  const scale = (WIDTH - LABEL - 150) / Math.max(1, ...ratios);
  const parts = [text(16, 28, `A request, how many times as fast as ${WEB} 1.30`, 'class="title"'),
    text(16, 48, `one thread, ${report.processor}, Node.js ${report.node}; a new session, C events, N candidates`, 'class="faint"')];
  let top = 66;
  for (const entry of cases) {
    const bars = caseBars(entry, top, scale);
    parts.push(...bars.parts);
    top = bars.bottom + 18;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" width="${WIDTH}" height="${top}" role="img">\n`
    + `<title>siren-rope against onnxruntime</title>\n<style>${STYLE}</style>\n<rect class="ground" width="${WIDTH}" height="${top}"/>\n`
    + `${parts.join('\n')}\n</svg>\n`;
}
