/* dials.tsx: the clock and the dials: how far every pair of a token is turned, at the time of the slider. */
import { computed, effect, signal } from '@preact/signals';
import { HAND_STYLES, dialGrid, dialsPicture, labelHeight, type DialsOver, type DialsScene } from '../draw/dials.js';
import { tokensPicture, type TokensScene } from '../draw/tokens.js';
import { attentionKernel, degrees, wrapAngle } from '../maths/rotation.js';
import { DAY, clockWords, timeWords, weekdayWords } from '../maths/time.js';
import { frozen, grid, now, spectrum, three, time } from '../state/model.js';
import { state, togglePair } from '../state/store.js';
import { Figure } from './figure.js';
import { kernelFormula, rotationFormula } from './formulas.js';
import { Toggle } from './controls.js';

/** Changes with the model, not with the time: the circles stay while the hands move. */
const pairsNow = computed(() => now.value?.pairs);

const scene = (): DialsScene | undefined => {
  const pairs = pairsNow.value;
  if (pairs === undefined) return undefined;
  return { pairs, chosen: state.pairs.value, track: grid.value?.pairs === pairs ? grid.value.learned : undefined };
};

const over = (): DialsOver | undefined => {
  const current = now.value;
  const still = frozen.value;
  if (!current || still?.pairs !== current.pairs) return undefined;
  // frozen: the time part of `origin`, where places begin and the ordinal part is zero, and the order part of now
  const frozenAngles = current.learned.map((angle, j) => angle - current.timePart[j]! + still.timePart[j]!);
  return { pairs: current.pairs, learned: current.learned, ordinal: current.ordinal, frozen: frozenAngles, unwrapped: state.unwrapped.value };
};

/** What screen readers are told follows four times a second at most: nobody hears sixty. */
const CALM_MS = 250;
const calm = signal<DialsOver | undefined>(undefined);
{
  let timer: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    void now.value;
    timer ??= setTimeout(() => {
      timer = undefined;
      calm.value = over();
    }, CALM_MS);
  });
}

const turn = (angle: number): string => `${Math.round(degrees(wrapAngle(angle)))}°`;

function Meters({ width }: { width: number }) {
  const values = calm.value ?? over();
  if (!values) return null;
  const { columns, cell } = dialGrid(values.pairs, width);
  const toggle = (pair: number) => () => togglePair(pair);
  return (
    <ul class="meters" style={{ gridTemplateColumns: `repeat(${columns}, ${cell}px)`, gridAutoRows: `${cell + labelHeight(values.pairs)}px`, width: `${columns * cell}px` }}>
      {Array.from(values.learned, (angle, j) => (
        <li key={j} onClick={toggle(j)}>
          <span
            role="meter"
            aria-label={`pair ${j}, learned angle in degrees`}
            aria-valuemin={-180}
            aria-valuemax={180}
            aria-valuenow={Math.round(degrees(wrapAngle(angle)))}
            aria-valuetext={`${turn(angle)}; fixed RoPE ${turn(values.ordinal[j]!)}; time part frozen ${turn(values.frozen[j]!)}`}
          />
        </li>
      ))}
    </ul>
  );
}

const clockHand = computed(() => ((time.value / 86_400_000) % 1) * 360);

/** The pair that swings most with the day. */
function dailyPair(pairs: number): number {
  const found = spectrum.value;
  if (found?.spread.length !== pairs) return 0;
  const { shares, spread, spanMs } = found;
  const n = shares.length / pairs;
  const power = Array.from(spread, (size, j) => size ** 2 * shares[j * n + spanMs / DAY]!);
  return power.indexOf(Math.max(...power));
}

const swinging = computed(() => dailyPair(pairsNow.value ?? 0));

const tokensScene = (): TokensScene | undefined => {
  const found = three.value;
  if (!found) return undefined;
  const { pairs, learned, ordinal } = found;
  const pair = swinging.value;
  const match = attentionKernel(learned.subarray(0, pairs), learned);
  const ordinalMatch = attentionKernel(ordinal.subarray(0, pairs), ordinal);
  return {
    pair,
    tokens: ['now', '12 hours ago', 'a day ago'].map((name, i) => ({
      name,
      when: `${weekdayWords(found.times[i]!)} ${clockWords(found.times[i]!)}`,
      turned: wrapAngle(learned[i * pairs + pair]! - learned[pair]!),
      match: match[i]!,
      ordinalMatch: ordinalMatch[i]!,
    })),
  };
};

function Tokens() {
  return (
    <Figure<TokensScene>
      id="tokens"
      title="Three events of the same content"
      picture={tokensPicture}
      scene={tokensScene}
      formula={kernelFormula}
      label={({ pair, tokens }) => `Pair ${pair} of three tokens: ${tokens.map(({ name, turned, match }) => `${name}, turned ${turn(turned)}, match ${match.toFixed(2)}`).join('; ')}`}
      table={({ tokens }) => ({
        head: ['token', 'when (UTC)', 'turned against now (rad)', 'match, learned', 'match, fixed RoPE'],
        rows: tokens.map(({ name, when, turned, match, ordinalMatch }) => [name, when, turned, match, ordinalMatch]),
      })}
    >
      <p>
        The same post, seen at three times. Its content is the dotted hand; its time turned it to the blue one (pair {swinging.value}, which swings most with the day). Attention compares tokens by their <b>difference</b> of turns,
        over all pairs: <b>match 1</b> is “turned alike”, less is “turned apart”.
      </p>
    </Figure>
  );
}

/** A plain clock with 24 hours, so that the dials' reader knows what time it is. */
function Clock() {
  return (
    <div class="clock">
      <svg viewBox="-50 -50 100 100" role="img" aria-label={`24-hour clock: ${clockWords(time.value)} UTC`}>
        <circle r="46" class="face" />
        {Array.from({ length: 24 }, (_, h) => (
          <line key={h} y1={h % 6 === 0 ? -37 : -42} y2="-45" transform={`rotate(${h * 15})`} class="tick" />
        ))}
        {['24', '6', '12', '18'].map((word, i) => (
          <text key={word} x={[0, 29, 0, -29][i]} y={[-27, 2, 31, 2][i]}>{word}</text>
        ))}
        <line y1="6" y2="-34" class="hand" transform={`rotate(${clockHand.value})`} />
        <circle r="3" class="pin" />
      </svg>
      <p>
        <strong>{timeWords(time.value)}</strong> <abbr title="Coordinated Universal Time: the clock that the bundled models were trained with">UTC</abbr>
      </p>
    </div>
  );
}

export function Dials() {
  return (
    <section class="view" id="view-dials" aria-labelledby="view-dials-title">
      <h2 id="view-dials-title">Clock and dials</h2>
      <p class="lead">
        A token’s numbers come in pairs, and every pair is a point on a circle. <b>What</b> the event was is in the point’s content; <b>when</b> it was turns the point. Each dial is one pair: drag the time and see
        which pairs turn with the clock.
      </p>
      <Clock />
      <Figure<DialsScene, DialsOver>
        id="dials"
        title="Every pair, now"
        picture={dialsPicture}
        scene={scene}
        over={over}
        formula={rotationFormula}
        label={({ pairs }) => {
          const values = over();
          return values ? `${pairs} dials. Learned angles in degrees: ${Array.from(values.learned, turn).join(', ')}` : `${pairs} dials`;
        }}
        table={({ pairs }) => {
          const values = over()!;
          return {
            head: ['pair', 'learned (rad)', 'fixed RoPE (rad)', 'time part frozen (rad)', 'learned (turns)', 'time (ms)', 'frozen at (ms)'],
            rows: Array.from({ length: pairs }, (_, j) => [j, values.learned[j]!, values.ordinal[j]!, values.frozen[j]!, values.learned[j]! / (2 * Math.PI), now.peek()!.times[0]!, frozen.peek()!.times[0]!]),
          };
        }}
        layer={(_, width) => <Meters width={width} />}
        empty="Opening the model…"
      >
        <ul class="legend" aria-label="Hands">
          {HAND_STYLES.map(({ name, words, dash }) => (
            <li key={name}>
              <svg width="28" height="10" aria-hidden="true">
                <line x1="1" x2="27" y1="5" y2="5" stroke={`var(--${name})`} stroke-width={name === 'learned' ? 3 : 2} stroke-dasharray={dash.join(' ')} />
              </svg>
              {words}
            </li>
          ))}
          <li>
            <svg width="28" height="10" aria-hidden="true"><line x1="1" x2="27" y1="5" y2="5" stroke="var(--learned)" stroke-width="5" opacity="0.3" /></svg>
            where it goes in this window
          </li>
        </ul>
        <Toggle state="unwrapped" label="Unwrap: count whole turns" />
      </Figure>
      <Tokens />
    </section>
  );
}
