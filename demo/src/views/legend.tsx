/* legend.tsx: which line is which: its colour and its dash. */
import type { LinesScene } from '../draw/lines.js';

export function LegendLine({ name, colour, dash }: { name: string; colour: string; dash: readonly number[] }) {
  return (
    <li>
      <svg width="28" height="10" aria-hidden="true"><line x1="1" x2="27" y1="5" y2="5" stroke={colour} stroke-width="2" stroke-dasharray={dash.join(' ')} /></svg>
      {name}
    </li>
  );
}

export function Legend({ scene }: { scene: LinesScene | undefined }) {
  return <ul class="legend">{(scene?.series ?? []).map(({ name, colour, dash }) => <LegendLine key={name} name={name} colour={colour} dash={dash} />)}</ul>;
}
