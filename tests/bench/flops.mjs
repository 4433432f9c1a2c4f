// How many floating-point operations a model needs for a request, whoever computes it: the numerator of GFLOP/s.
// A product and its addition are two; what is not a matrix product, an attention or an angle network (norms, SiLU, softmax,
// rotations, biases) is not counted. With D, H, L, X, Y, Z of src/README.md and E the hidden width of the feed-forward:
//   linear n_in -> n_out                     2 · n_in · n_out a row
//   attention to n tokens                    4 · n · D a row (n dot products, n weighted sums, all heads together)
//   an event                                 item, action, every layer's q k v o and feed-forward, action attention's k and v
//   the history's attention                  its causal half: 0 + 1 + … + C-1 = C(C-1)/2 tokens, in every layer
//   a candidate                              item, every layer's q o and feed-forward, action attention's q o, head;
//                                            attention to C tokens in every layer and in the action attention
//   once a request                           the candidates' angles (one row of each network), the context's part of the head
// Work that an engine does twice, or for tokens that need not be, is no work: it only makes its GFLOP/s smaller.

const shapeOf = ({ tensors }, name) => tensors[name].shape;
const linear = (model, name) => 2 * shapeOf(model, `${name}.weight`).reduce((a, b) => a * b, 1);
const mlp = (model, name) => [0, 2, 4].reduce((sum, i) => sum + linear(model, `${name}.${i}`), 0);

/** Both branches of an angle network, one row. */
function angleNetwork(model, name) {
  const weights = Object.keys(model.tensors).filter((tensor) => tensor.startsWith(`${name}.`) && tensor.endsWith('.weight'));
  return weights.reduce((sum, weight) => sum + linear(model, weight.slice(0, -'.weight'.length)), 0);
}

/** Operations of one event, but for its attention to others. */
function eventFlops(model) {
  const { D, L } = model;
  const hidden = shapeOf(model, 'transformer_layers.0.ffwd.0.weight')[0];
  const layer = 2 * (4 * D * D + 2 * D * hidden);
  return linear(model, 'seq_projection.0') + mlp(model, 'action_embedding') + L * layer + 2 * 2 * D * D
    + angleNetwork(model, 'angle_nn') + angleNetwork(model, 'action_angle_nn');
}

/** Operations of N candidates of one time and context after C events. */
function candidateFlops(model, C, N) {
  const { D, L, Z } = model;
  const hidden = shapeOf(model, 'transformer_layers.0.ffwd.0.weight')[0];
  const layer = 2 * (2 * D * D + 2 * D * hidden) + 4 * C * D;
  const sharedHead = 2 * Z * shapeOf(model, 'head.0.weight')[0];
  const one = linear(model, 'seq_projection.0') + L * layer + 2 * 2 * D * D + 4 * C * D + mlp(model, 'head') - sharedHead;
  return N * one + sharedHead + angleNetwork(model, 'angle_nn') + angleNetwork(model, 'action_angle_nn');
}

/** model: readModel's -> operations by row: { request, warm, append }. append: one event after C - 1, unless all are anew. */
export function flops(model, C, N) {
  const history = C * eventFlops(model) + model.L * 4 * model.D * (C * (C - 1)) / 2;
  const warm = candidateFlops(model, C, N);
  const newest = eventFlops(model) + model.L * 4 * model.D * (C - 1);
  return { request: history + warm, warm, append: warm + (usesOrder(model) ? history : newest) };
}

/** Whether every angle changes when an event is appended, so that the history is run again. */
export function usesOrder({ config }) {
  return config.variant === 'siren' && (config.angle_features ?? ['order']).includes('order');
}
