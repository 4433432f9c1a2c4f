// Who is compared: the peers and every variant of ours. A side is
//   name, kind     'worker': an engine of engines.mjs in a process of its own; 'native': build/siren-rope
//   engine         { kind, options } of a worker;  isa  of a native side
//   model          which of the case's files it reads: 'float', 'int8', 'ordinal'
//   peak           the multiply-add peak of machine.mjs that it is held against
//   isPeer         not ours
//   rows, cases    those it is measured in, all by default
const worker = (name, engine, more) => ({ name, kind: 'worker', engine, model: 'float', ...more });
const wasm = (name, build, model) => worker(name, { kind: 'ours', options: { build } }, {
  model, peak: { float: { simd: 'wasm-simd', relaxed: 'wasm-relaxed' }, int8: { simd: 'wasm-simd-int8', relaxed: 'wasm-relaxed-int8' } }[model][build],
});
const native = (isa, model) => ({
  name: `native ${isa}${model === 'int8' ? ' int8' : ''}`, kind: 'native', isa, model,
  peak: model === 'int8' ? `${isa}-int8` : isa, ...(isa === 'scalar' ? { cases: ['paper'] } : {}), // it is slow
});

export const WEB = 'onnxruntime-web';
export const NODE = 'onnxruntime-node';
export const PEERS = [WEB, NODE];

/** The naive formulation, where it fits memory. */
const NAIVE_SIDES = PEERS.map((kind) => worker(`${kind} naive`, { kind, options: { naive: true } }, {
  isPeer: true, peak: kind === WEB ? 'wasm-simd' : 'avx512', rows: ['request'], cases: ['paper'],
}));

export const SIDES = [
  worker(WEB, { kind: WEB, options: {} }, { isPeer: true, peak: 'wasm-simd' }),
  worker(NODE, { kind: NODE, options: {} }, { isPeer: true, peak: 'avx512' }),
  wasm('strict', 'simd', 'float'),
  wasm('relaxed', 'relaxed', 'float'),
  worker('relaxed pool of 2', { kind: 'ours', options: { build: 'relaxed', workers: 2 } }, {}),
  wasm('strict int8', 'simd', 'int8'),
  wasm('relaxed int8', 'relaxed', 'int8'),
  ...(process.arch === 'x64' ? ['scalar', 'avx2', 'avx512'] : ['scalar', 'neon']).flatMap((isa) => [native(isa, 'float'), native(isa, 'int8')]),
  ...NAIVE_SIDES,
];
