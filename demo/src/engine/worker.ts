/* worker.ts: holds the open model and its rotations, and answers protocol.ts with the package's own numbers. One model at a time;
 * the rotations of moments and switches are small models of their own, the last few of which stay loaded. */
import { loadModel, SirenRopeError, type Model, type Session } from 'siren-rope';
import { spectrumShares, withoutLine } from '../maths/spectrum.js';
import { timesOf } from '../maths/time.js';
import { historyOf, numbersOfRotation, rotationFile, rotationOf, type History, type Rotation } from '../weights/rotation.js';
import { readTensors } from '../weights/safetensors.js';
import { FEED_GONE, type Answer, type CallName, type Calls, type Explained, type Feed, type FeedOf, type Opened, type Ranked, type Request, type RotationChoice, type Source, type Swept } from './protocol.js';

const KEPT_ROTATIONS = 8;
const KEPT_FEEDS = 3;
const MOST_MOMENTS = 400; // of a live training; then every second one goes

interface Open {
  model: Model;
  rotation: Rotation;
  history: History;
  bytes: number;
  loaded: Map<string, Promise<Model>>; // the last used is last
}

let open: Open | undefined;
/** Of the live training, also while another model is open. */
let training: History = { moments: [], rotations: [], evaluations: [] };

function opened(): Open {
  if (!open) throw new SirenRopeError('argument', 'no model is open');
  return open;
}

function close(): void {
  dropFeeds();
  open?.model.dispose();
  for (const model of open?.loaded.values() ?? []) void model.then((m) => m.dispose(), () => undefined);
  open = undefined;
}

type Progress = (loadedBytes: number, totalBytes: number | undefined) => void;

async function fetchBytes(url: string, onProgress: Progress): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url).catch((cause: unknown) => {
    throw new SirenRopeError('network', `could not be fetched: ${(cause as Error).message}. The address may be wrong, or its server may not allow other pages to read it (CORS)`, url);
  });
  if (!response.ok) throw new SirenRopeError('network', `answered ${response.status} ${response.statusText}`.trimEnd(), url);
  const total = response.headers.get('content-encoding') ? NaN : Number(response.headers.get('content-length') ?? NaN);
  const chunks: Uint8Array[] = [];
  let n = 0;
  for (const reader = response.body!.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    n += value.length;
    onProgress(n, Number.isFinite(total) ? total : undefined);
  }
  const bytes = new Uint8Array(n);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

async function openSource(source: Source, onProgress: Progress): Promise<Opened> {
  const historyBytes = 'url' in source && source.history ? fetchBytes(source.history, () => undefined) : undefined;
  historyBytes?.catch(() => undefined); // awaited below, unless the model fails first
  const bytes = 'url' in source ? await fetchBytes(source.url, onProgress) : source.bytes;
  const model = await loadModel(bytes); // says precisely what is wrong with a file; the model that was open stays
  const rotation = rotationOf(readTensors(bytes), model.info.sizes.P);
  const history = historyBytes ? historyOf(await historyBytes, model.info.sizes.P) : { moments: [], rotations: [], evaluations: [] };
  close();
  open = { model, rotation: copied(rotation), history, bytes: bytes.length, loaded: new Map() };
  return description(open);
}

async function grow({ bytes, step, epoch, loss, meanNe }: Calls['grow']['in']): Promise<Opened> {
  const model = await loadModel(bytes);
  const rotation = rotationOf(readTensors(bytes), model.info.sizes.P);
  if (step === 0) training = { moments: [], rotations: [], evaluations: [] };
  const history = training;
  if (history.moments.length >= MOST_MOMENTS) {
    history.moments = history.moments.filter((_, i) => i % 2 === 0);
    history.rotations = history.rotations.filter((_, i) => i % 2 === 0);
  }
  history.moments.push({ step, epoch, loss, ...numbersOfRotation(rotation) });
  history.rotations.push(copied(rotation));
  if (meanNe !== undefined) history.evaluations.push({ step, meanNe });
  close();
  open = { model, rotation: history.rotations.at(-1)!, history, bytes: bytes.length, loaded: new Map() };
  return description(open);
}

/** Its own bytes, so that the file's can go. */
function copied(rotation: Rotation): Rotation {
  return { ...rotation, tensors: new Map([...rotation.tensors].map(([name, tensor]) => [name, { ...tensor, bytes: tensor.bytes.slice() }])) };
}

function description({ model, history, bytes }: Open): Opened {
  return { info: model.info, moments: history.moments, evaluations: history.evaluations, bytes };
}

/** The small model of a choice. */
function rotationModel(choice: RotationChoice): Promise<Model> {
  const { loaded, rotation, history } = opened();
  const { moment, sine, relu, order } = choice;
  const key = JSON.stringify([moment, sine, relu, order]);
  const found = loaded.get(key) ?? loadModel(rotationFile(moment === null ? rotation : (history.rotations[moment] ?? rotation), choice).buffer as ArrayBuffer);
  loaded.delete(key);
  loaded.set(key, found);
  for (const [old, model] of loaded) {
    if (loaded.size <= KEPT_ROTATIONS) break;
    loaded.delete(old);
    void model.then((m) => m.dispose(), () => undefined);
  }
  return found;
}

async function angles({ choice, network, times }: Calls['angles']['in']): Promise<Calls['angles']['out']> {
  const model = await rotationModel(choice);
  return { timePart: model.angles(times, { network }), orderScale: model.info.order_scale, ordinalFrequencies: model.info.ordinal_frequencies };
}

async function spectrum({ choice, network, from, to, samples }: Calls['spectrum']['in']): Promise<Calls['spectrum']['out']> {
  const { timePart } = await angles({ choice, network, times: timesOf({ from, to }, samples) });
  const pairs = timePart.length / samples;
  const shares = new Float64Array(pairs * (samples / 2 + 1));
  const spread = new Float64Array(pairs);
  for (let j = 0; j < pairs; j++) {
    const series = Float64Array.from({ length: samples }, (_, i) => timePart[i * pairs + j]!);
    spread[j] = Math.sqrt(withoutLine(series).reduce((sum, v) => sum + v * v, 0) / samples);
    shares.set(spectrumShares(series), j * (samples / 2 + 1));
  }
  return { shares, spread, spanMs: to - from };
}

/** A feed and the session that has its history: that is run once, and every question after it costs the candidates only. */
interface KeptFeed extends Feed {
  session: Session;
}

const feeds = new Map<number, KeptFeed>(); // of the open model; the last used is last

function feedOf({ feed, contents }: FeedOf): KeptFeed {
  const kept = feeds.get(feed) ?? (contents && { ...contents, session: opened().model.createSession({ history: contents.history }) });
  if (!kept) throw new SirenRopeError('argument', `feed ${feed} is not kept`, FEED_GONE);
  feeds.delete(feed);
  feeds.set(feed, kept);
  for (const [oldest, { session }] of feeds) {
    if (feeds.size <= KEPT_FEEDS) break;
    session.dispose();
    feeds.delete(oldest);
  }
  return kept;
}

function dropFeeds(): void {
  for (const { session } of feeds.values()) session.dispose();
  feeds.clear();
}

function rank(asked: Calls['rank']['in']): Ranked {
  const { session, candidates } = feedOf(asked);
  const begun = performance.now();
  const { items } = session.rank(candidates, { now: asked.now });
  const milliseconds = performance.now() - begun;
  return { items: items.map(({ index, score, probabilities }) => ({ index, score, probabilities })), milliseconds };
}

function explain(asked: Calls['explain']['in']): Explained {
  const { session, candidates, history } = feedOf(asked);
  const begun = performance.now();
  const { items } = session.rank(candidates, { now: asked.now, explain: true });
  const milliseconds = performance.now() - begun;
  const dropped = history.length - session.count;
  const out: Explained['items'] = [];
  for (const { index, explanation } of items) {
    const influence = new Array<number>(history.length).fill(0);
    for (const event of explanation!.events) influence[event.index + dropped] = event.influence;
    out[index] = { influence, timeless: explanation!.timeless };
  }
  return { items: out, milliseconds };
}

function sweep(asked: Calls['sweep']['in']): Swept {
  const { session, candidates } = feedOf(asked);
  const scores = new Float64Array(asked.times.length * candidates.length);
  asked.times.forEach((now, i) => {
    for (const { index, score } of session.rank(candidates, { now }).items) scores[i * candidates.length + index] = score;
  });
  return { scores };
}

async function answer(request: Request, onProgress: Progress): Promise<Calls[CallName]['out']> {
  switch (request.call) {
    case 'open': return openSource(request.in.source, onProgress);
    case 'grow': return grow(request.in);
    case 'angles': return angles(request.in);
    case 'spectrum': return spectrum(request.in);
    case 'rank': return rank(request.in);
    case 'explain': return explain(request.in);
    case 'sweep': return sweep(request.in);
  }
}

const send = (message: Answer): void => postMessage(message);
let last: Promise<unknown> = Promise.resolve(); // one request at a time, in order

addEventListener('message', ({ data }: MessageEvent<Request>) => {
  const { id } = data;
  last = last.then(async () => {
    try {
      send({ id, out: await answer(data, (loadedBytes, totalBytes) => send({ id, progress: { loadedBytes, ...(totalBytes === undefined ? {} : { totalBytes }) } })) });
    } catch (error) {
      const { code = 'internal', message, where = '' } = error as Partial<SirenRopeError> & Error;
      send({ id, failure: { code, message, where } });
    }
  });
});
