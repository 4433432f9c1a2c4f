// The rotation angles of a ranking request in float64, straight from the definition in src/README.md: what an ONNX
// graph is fed as cos and sin. Slow and plain on purpose: it is outside of every timed region, and being independent of
// the C core it also checks it.
const DAY_S = 86400;
const WEEK_S = 604800;
const YEAR_S = 31536000;
const TAU = 2 * Math.PI;

const SIREN_DEFAULTS = {
  rope_base: 100000, omega_0: 10, trend_center: 0, trend_scale: 1, utc_offset_minutes: 0, angle_signals: [],
  angle_features: ['order', 'year', 'sin_day', 'cos_day', 'sin_week', 'cos_week'],
};

/** y = x W^T + b, all plain. */
function linear(tensors, name, x) {
  const { data: w, shape: [nOut, nIn] } = tensors[`${name}.weight`];
  const b = tensors[`${name}.bias`].data;
  return Array.from({ length: nOut }, (_, o) => {
    let sum = b[o];
    for (let i = 0; i < nIn; i++) sum += w[o * nIn + i] * x[i];
    return sum;
  });
}

/** f: features (F) -> angles (A), the sum of the sine and the ReLU branch. */
function angleNetwork(tensors, network, omega, features) {
  let sine = features;
  let n = 0;
  for (; `${network}.net.${n}.linear.weight` in tensors; n++) {
    sine = linear(tensors, `${network}.net.${n}.linear`, sine).map((x) => Math.sin(omega * x));
  }
  sine = linear(tensors, `${network}.net.${n}`, sine);
  let relu = features;
  for (n = 0; `${network}.residual.${n + 2}.weight` in tensors; n += 2) {
    relu = linear(tensors, `${network}.residual.${n}`, relu).map((x) => Math.max(0, x));
  }
  relu = linear(tensors, `${network}.residual.${n}`, relu);
  return sine.map((x, a) => x + relu[a]);
}

function timeFeature(name, time_s, order, config) {
  const local_s = time_s + 60 * config.utc_offset_minutes;
  const turn = (period_s) => TAU * (local_s / period_s - Math.floor(local_s / period_s));
  switch (name) {
    case 'order': return order;
    case 'year': return time_s / YEAR_S - 55;
    case 'trend': return (time_s - config.trend_center) / config.trend_scale;
    case 'sin_day': return Math.sin(turn(DAY_S));
    case 'cos_day': return Math.cos(turn(DAY_S));
    case 'sin_week': return Math.sin(turn(WEEK_S));
    case 'cos_week': return Math.cos(turn(WEEK_S));
    default: throw new Error(`no angle feature is called ${name}`);
  }
}

/** First index of each event's request: equal neighbouring times are one request. */
export function requestStarts(time_s) {
  const starts = [];
  time_s.forEach((t, i) => starts.push(i > 0 && t === time_s[i - 1] ? starts[i - 1] : i));
  return starts;
}

/**
 * A function angle(network, place, time_s, signal) -> (P) radians for one token of a request of S = C + 1 tokens whose
 * oldest event is at t0_s. network: 'angle_nn' or 'action_angle_nn'; place: 0 for the oldest, C for a candidate.
 */
export function angleFunction({ tensors, config }, C, t0_s) {
  const D = tensors['seq_projection.0.bias'].shape[0];
  const K = D / config.num_heads;
  const P = K / 2;
  const full = { ...SIREN_DEFAULTS, ...config };
  const base = config.rope_base ?? (config.variant === 'torope' ? 10000 : 100000);
  const inverse = Array.from({ length: P }, (_, j) => base ** ((-2 * j) / K));
  const S = C + 1;
  return (network, place, time_s, signal) => {
    const pos = S - 1 - place;
    if (config.variant === 'ordinal') return inverse.map((inv) => pos * inv);
    if (config.variant === 'torope') {
      const days = (time_s - t0_s) / DAY_S;
      return inverse.map((inv) => (place + (config.time_scale ?? 0.01) * days) * inv);
    }
    const features = [...full.angle_features.map((name) => timeFeature(name, time_s, pos / S, full)), ...signal];
    const f = angleNetwork(tensors, network, full.omega_0, features);
    const freq = tensors['rope.freq'].data;
    const orderScale = tensors['rope.order_scale'].data[0];
    const repeat = P / f.length;
    return inverse.map((inv, j) => {
      const a = Math.floor(j / repeat);
      return f[a] * freq[a] + pos * inv * orderScale;
    });
  };
}
