// The report as text for a terminal.
import { NODE, WEB } from './sides.mjs';

const number = (x) => (x === undefined || Number.isNaN(x) ? '–' : x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2));

/** Rows of cells -> lines, the first column to the left, the others to the right. */
export function table(rows) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  return rows.map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ').trimEnd());
}

/** One row of a case: a line a side, with its time, how many times as fast as each peer it is, GFLOP/s. */
function rowTable({ sides, flops, rows }, row, peaks) {
  const results = rows[row];
  const head = [row, 'ms', 'best', `× ${WEB}`, `× ${NODE}`, 'GFLOP/s', 'of peak'];
  return table([head, ...sides.filter(({ name }) => name in results).map(({ name, peak }) => {
    const { median, best } = results[name];
    const rate = row in flops ? flops[row] / median / 1e6 : undefined;
    const share = rate !== undefined && peaks?.[peak] ? `${(100 * rate / peaks[peak]).toFixed(0)} %` : '–';
    return [name, number(median), number(best), number(results[WEB]?.median / median), number(results[NODE]?.median / median), number(rate), share];
  })]);
}

export function printReport(report) {
  const lines = [`${report.processor}, Node.js ${report.node} (V8 ${report.v8}), one thread. × is how many times as fast: above 1 is faster.`];
  for (const entry of report.cases) {
    const { name, sizes, parameters, flops, runs, sides, rows, missing } = entry;
    const letters = Object.entries(sizes).map(([letter, size]) => `${letter} = ${size}`).join(', ');
    lines.push('', `${name}: ${letters}; ${(parameters / 1e6).toFixed(2)} M parameters; ${(flops.request / 1e6).toFixed(0)} MFLOP a request; medians of ${runs}, in turn`);
    for (const row of Object.keys(rows)) lines.push('', ...rowTable(entry, row, report.peaks));
    lines.push('', ...table([['', 'checksum', 'first load ms', 'off by', 'top 10'], ...sides.map((side) => [
      side.name, side.checksum ?? '–', number(side.firstLoadMs), side.difference?.toExponential(1) ?? '–',
      side.overlap === undefined ? '–' : `${(100 * side.overlap).toFixed(0)} %`])]));
    for (const line of missing) lines.push(`left out: ${line}`);
  }
  return lines.join('\n');
}
