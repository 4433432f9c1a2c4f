// What the benchmark is to reach, one line a target: where it stands in the report, and the bound. Ratios are how many times as fast
// as onnxruntime-web (WEB) or onnxruntime-node (NODE), of medians of one run.
import { NODE, WEB } from './sides.mjs';

const ratio = (report, name, row, side, peer) => {
  const rows = report.cases.find((entry) => entry.name === name)?.rows[row];
  return rows?.[side] && rows[peer] ? rows[peer].median / rows[side].median : undefined;
};
const least = (what, bound, value, unit = '×') => ({ what, bound, value, unit, holds: (x) => x >= bound, sign: '≥' });
const most = (what, bound, value, unit) => ({ what, bound, value, unit, holds: (x) => x <= bound, sign: '≤' });
const inCases = (bounds, make) => Object.entries(bounds).map(([name, bound]) => make(name, bound));

const cold = (report, name) => {
  const told = report.cold?.find((entry) => entry.name === name)?.engines;
  const of = (engine) => told?.find((one) => one.name === engine)?.ms;
  return of(WEB) && of('relaxed') ? of(WEB) / of('relaxed') : undefined;
};
/** The best native side's ratio to onnxruntime-node. */
const native = (report, name, suffix) => {
  const ratios = ['avx512', 'avx2', 'neon'].map((isa) => ratio(report, name, 'request', `native ${isa}${suffix}`, NODE));
  return ratios.find((x) => x !== undefined);
};
const worstKernel = (report, pattern) => {
  const shares = report.kernels?.filter(({ isa }) => pattern.test(isa)).map(({ share }) => 100 * share) ?? [];
  return shares.length > 0 ? Math.min(...shares) : undefined;
};
const share = (report, name, side) => report.cases.find((entry) => entry.name === name)?.rows.request?.[side]?.share;

export const TARGETS = [
  ...inCases({ paper: 1.15, medium: 1.1 }, (name, bound) =>
    least(`${name}: request, strict`, bound, (r) => ratio(r, name, 'request', 'strict', WEB))),
  ...inCases({ paper: 1.5, medium: 1.5 }, (name, bound) =>
    least(`${name}: request, relaxed`, bound, (r) => ratio(r, name, 'request', 'relaxed', WEB))),
  ...inCases({ paper: 3.5, medium: 4 }, (name, bound) =>
    least(`${name}: request, relaxed int8`, bound, (r) => ratio(r, name, 'request', 'relaxed int8', WEB))),
  ...inCases({ paper: 1.8, medium: 2.2 }, (name, bound) =>
    least(`${name}: warm, relaxed`, bound, (r) => ratio(r, name, 'warm', 'relaxed', WEB))),
  ...inCases({ paper: 20, medium: 8 }, (name, bound) => least(`${name}: import → first ranked feed, relaxed`, bound, (r) => cold(r, name))),
  ...inCases({ paper: 1, medium: 1 }, (name, bound) => least(`${name}: request, native`, bound, (r) => native(r, name, ''))),
  ...inCases({ paper: 2, medium: 2 }, (name, bound) => least(`${name}: request, native int8`, bound, (r) => native(r, name, ' int8'))),
  ...['wasm-simd', 'wasm-relaxed', 'avx2', 'avx512'].map((isa) =>
    least(`matrix kernels, ${isa}, slowest k`, 80, (r) => worstKernel(r, new RegExp(`^${isa}$`)), '% of peak')),
  ...['strict', 'relaxed', 'native avx2', 'native avx512'].flatMap((side) => inCases({ paper: 65, medium: 65 }, (name, bound) =>
    least(`${name}: request, ${side}`, bound, (r) => (share(r, name, side) === undefined ? undefined : 100 * share(r, name, side)), '% of peak'))),
  ...['paper', 'medium'].map((name) => most(`${name}: siren over ordinal, relaxed`, 2, (r) => {
    const found = r.overhead?.find((entry) => entry.name === name)?.sides.find((side) => side.name === 'relaxed');
    return found && 100 * found.overhead;
  }, '%')),
  most('strict module, gzipped', 45, (r) => r.modules && r.modules.simd / 1000, 'KB'),
  most('relaxed module, gzipped', 50, (r) => r.modules && r.modules.relaxed / 1000, 'KB'),
  ...['paper', 'medium', 'large'].map((name) => most(`${name}: wasm memory over 1.25 · weights + caches + 4 MB`, 1, (r) => {
    const found = r.cold?.find((entry) => entry.name === name);
    const held = found?.engines.find((engine) => engine.name === 'relaxed')?.memoryBytes;
    return held && held / found.memoryBound;
  }, '×')),
];

/** report -> [{ what, target: text, value, unit, ok }]; what was not measured is left out. */
export function checkTargets(report) {
  return TARGETS.map(({ what, bound, value, unit, holds, sign }) => ({ what, target: `${sign} ${bound}`, unit, value: value(report), holds }))
    .filter(({ value }) => value !== undefined && !Number.isNaN(value))
    .map(({ holds, ...target }) => ({ ...target, ok: holds(target.value) }));
}
