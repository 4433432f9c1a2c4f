// parity.mjs: what a golden folder's inputs give through the package. No imports: runs in every runtime's test.

/**
 * A model and the tensors of its io.safetensors -> floats: rank (N·T), sequence (C·T), cold (N·T), angle (C+1, A).
 */
export function runGolden(model, io) {
  const tensor = (name) => io[name]?.data;
  const events = {
    item: tensor('history.item'),
    action: tensor('history.action'),
    timestamp: tensor('history.timestamp'),
    context: tensor('history.context'),
    signal: tensor('history.signal'),
  };
  const candidates = {
    item: tensor('candidate.item'),
    context: tensor('candidate.context'),
    signal: tensor('candidate.signal'),
    now: tensor('now')[0],
  };
  const session = model.createSession();
  const results = { cold: session.scoreTensors(candidates) };
  session.appendTensors(events);
  results.rank = session.scoreTensors(candidates);
  results.sequence = model.sequenceTensors(events);
  if (model.info.config.variant === 'siren') {
    const signal = candidates.signal?.slice(0, model.info.sizes.G);
    results.angle = session.angleTensors({ now: candidates.now, signal });
  }
  session.dispose();
  return results;
}

/** The largest difference of two arrays of the same length. */
export function largestDifference(a, b) {
  if (a.length !== b.length) throw new Error(`${a.length} numbers against ${b.length}`);
  return a.reduce((most, x, i) => Math.max(most, Number.isNaN(x) ? Infinity : Math.abs(x - b[i])), 0);
}
