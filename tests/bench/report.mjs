// The report as text for a terminal and as Markdown for README.md: the same tables, laid out twice.
import { NODE, WEB } from './sides.mjs';

const number = (x) => (x === undefined || x === null || Number.isNaN(x) ? '–'
  : Math.abs(x) >= 100 ? x.toFixed(0) : Math.abs(x) >= 10 ? x.toFixed(1) : x.toFixed(2));
const percent = (x) => (x === undefined || Number.isNaN(x) ? '–' : `${(100 * x).toFixed(0)} %`);
const megabytes = (x) => (x === null || x === undefined || Number.isNaN(x) ? '–' : number(x / 1e6));

/** Lines: the first column to the left, the others to the right. */
function textTable([head, ...rows]) {
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i].length)));
  return [head, ...rows].map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ').trimEnd());
}

const markdownTable = ([head, ...rows]) => [head, head.map((_, i) => (i === 0 ? '---' : '--:')), ...rows].map((row) => `| ${row.join(' | ')} |`);

/** One row of a case: a line a side, with its time, how many times as fast as each peer it is, GFLOP/s. */
function rowTable({ sides, rows }, row) {
  const results = rows[row];
  const head = [row, 'ms', 'best', `× ${WEB}`, `× ${NODE}`, 'GFLOP/s', 'of peak'];
  return [head, ...sides.filter(({ name }) => name in results).map(({ name }) => {
    const { median, best, rate, share } = results[name];
    return [name, number(median), number(best), number(results[WEB]?.median / median), number(results[NODE]?.median / median), number(rate), percent(share)];
  })];
}

const agreementTable = ({ sides }) => [['', 'variant', 'checksum', 'first load, ms', 'off by', 'top 10'], ...sides.map((side) => [
  side.name, side.variant, side.checksum ?? '–', number(side.firstLoadMs), side.difference?.toExponential(1) ?? '–', percent(side.overlap)])];

function caseTitle({ name, sizes, parameters, flops, runs }) {
  const letters = Object.entries(sizes).map(([letter, size]) => `${letter} = ${size}`).join(', ');
  return `${name}: ${letters}; ${(parameters / 1e6).toFixed(2)} M parameters, ${(flops.request / 1e6).toFixed(0)} MFLOP a request; medians of ${runs}`;
}

function machineTables({ peaks, kernels }) {
  const isas = [...new Set(kernels.map(({ isa }) => isa))];
  const sizes = [...new Set(kernels.map(({ k }) => k))];
  const cell = (isa, size) => {
    const found = kernels.find(({ isa: one, k }) => one === isa && k === size);
    return found ? `${number(found.rate)} (${percent(found.share)})` : '–';
  };
  return [['multiply-adds, G(FL)OP/s', 'registers alone', ...sizes.map((k) => `matrix, k = ${k}`)],
    ...isas.map((isa) => [isa, number(peaks[isa]), ...sizes.map((k) => cell(isa, k))])];
}

function coldTable({ name, runs, engines }) {
  const web = engines.find((engine) => engine.name === WEB);
  return [[`${name}, cold (medians of ${runs})`, 'import → feed, ms', `× ${WEB}`, 'process, ms', 'peak MB of the process', 'wasm MB'],
    ...engines.map(({ name: side, ms, processMs, peakBytes, memoryBytes }) =>
      [side, number(ms), number(web.ms / ms), number(processMs), megabytes(peakBytes), megabytes(memoryBytes)])];
}

const sizesTable = (sizes) => [['bytes shipped', 'KB', 'KB gzipped'], ...sizes.map(({ name, raw, gzipped }) => [name, number(raw / 1000), number(gzipped / 1000)])];

const overheadTable = (overhead) => [['siren over ordinal, a request', 'siren, ms', 'ordinal, ms', 'more'], ...overhead.flatMap(({ name, sides }) =>
  sides.map((side) => [`${name}, ${side.name}`, number(side.siren), number(side.ordinal), `${(100 * side.overhead).toFixed(1)} %`]))];

const growthTable = (growth) => [['growth, relaxed (D = 128, L = 2, C = 64, N = 128)', 'ms', 'time grows as', 'operations as'],
  ...growth.map(({ letter, points, exponent, needed }) => [`${letter} = ${points.map(({ size }) => size).join(', ')}`,
    points.map(({ ms }) => number(ms)).join(', '), `${letter}^${exponent.toFixed(2)}`, `${letter}^${needed.toFixed(2)}`])];

const targetsTable = (targets) => [['target', 'bound', 'measured', ''], ...targets.map(({ what, target, value, unit, ok }) =>
  [what, `${target} ${unit}`, number(value), ok ? 'ok' : 'missed'])];

/** [title or null, table] for all that was measured. */
function tables(report) {
  const list = [];
  if (report.peaks) list.push([null, machineTables(report)]);
  for (const entry of report.cases) {
    list.push([caseTitle(entry), null]);
    for (const row of Object.keys(entry.rows)) list.push([null, rowTable(entry, row)]);
    list.push([null, agreementTable(entry)]);
  }
  for (const entry of report.cold ?? []) list.push([null, coldTable(entry)]);
  if (report.sizes) list.push([null, sizesTable(report.sizes)]);
  if (report.overhead) list.push([null, overheadTable(report.overhead)]);
  if (report.growth) list.push([null, growthTable(report.growth)]);
  if (report.targets.length > 0) list.push([null, targetsTable(report.targets)]);
  return list;
}

const heading = ({ processor, node, v8, quick }) => `${processor}, Node.js ${node} (V8 ${v8}), one thread${quick ? ', few runs (--quick)' : ''}. `
  + '× is how many times as fast, of medians: above 1 is faster.';

export function textReport(report) {
  const lines = [heading(report)];
  for (const [title, table] of tables(report)) lines.push('', ...(title === null ? [] : [title]), ...(table ? textTable(table) : []));
  for (const { name, missing } of report.cases) for (const what of missing) lines.push(`${name}, left out: ${what}`);
  return lines.join('\n');
}

/** What README.md shows: the rows side by side for every case, cold starts, sizes, and the targets. */
export function markdownReport(report) {
  const lines = [heading(report), ''];
  for (const entry of report.cases) {
    const { sides, rows } = entry;
    const ranking = ['request', 'warm', 'append'].filter((row) => row in rows);
    const cell = (row, name) => {
      const result = rows[row][name];
      if (!result) return '–';
      const ratios = [WEB, NODE].map((peer) => `${number(rows[row][peer]?.median / result.median)}`).join(' / ');
      return `${number(result.median)} (${ratios})`;
    };
    lines.push(`${caseTitle(entry)}. In ms; in brackets × ${WEB} / × ${NODE}:`, '', ...markdownTable([
      ['', ...ranking, 'GFLOP/s, of peak', 'logits off by; top 10'],
      ...sides.map(({ name, difference, overlap }) => {
        const { rate, share } = rows.request?.[name] ?? {};
        return [name, ...ranking.map((row) => cell(row, name)), `${number(rate)}, ${percent(share)}`,
          `${difference?.toExponential(0) ?? '–'}${overlap === undefined ? '' : `; ${percent(overlap)}`}`];
      }),
    ]), '');
  }
  const rest = [...(report.cold ?? []).map(coldTable), ...(report.sizes ? [sizesTable(report.sizes)] : []), ...(report.peaks ? [machineTables(report)] : []),
    ...(report.overhead ? [overheadTable(report.overhead)] : []), ...(report.growth ? [growthTable(report.growth)] : []), targetsTable(report.targets)];
  for (const table of rest) lines.push(...markdownTable(table), '');
  return lines.join('\n').trimEnd();
}
