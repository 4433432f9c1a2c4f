/* chapters.tsx: the guided tour: six chapters that set the page and say what there is to see. Each makes its point as it stands
 * and invites to one thing to do. */
import type { ComponentChildren } from 'preact';
import type { State } from '../state/state.js';

export interface Chapter {
  title: string;
  /** The section it is about. */
  view: 'dials' | 'angles' | 'attention' | 'training' | 'feed';
  /** What it sets; the rest stays. */
  sets: Partial<State>;
  text: ComponentChildren;
  invitation: ComponentChildren;
}

const AS_IT_IS = { sine: true, relu: true, order: true, moment: null, network: 'layers' } as const;

export const CHAPTERS: readonly Chapter[] = [
  {
    title: 'When, as an angle',
    view: 'dials',
    sets: { ...AS_IT_IS, model: 'rhythm', span: 'day', time: null, unwrapped: false },
    text: (
      <>
        <p>
          A ranking model reads your history as a row of <b>tokens</b>, one an event. A token is a list of numbers that says <b>what</b> the event was. Take two of them: they are a point on a circle. SIREN-RoPE{' '}
          <b>turns that point by an angle that depends on the time of the event</b>. No number is lost, but the token now also says <b>when</b>.
        </p>
        <p>
          When one token looks at another, only the <b>difference</b> of their turns counts: turned alike they match, turned apart they match less. So the rotation of a token means <b>which other moments are like mine</b>. Usual transformers
          turn by place in line (fixed RoPE, the grey hand). Here the turn is <b>learned</b> (blue): from behaviour alone this model found that the hour matters, and it turns yesterday’s eight o’clock nearly to where it turns today’s.
        </p>
      </>
    ),
    invitation: <>Press play at the bottom, or drag the time through the day: the blue hands swing out and come back with the clock; the grey ones only ever go on.</>,
  },
  {
    title: 'Days become stripes',
    view: 'angles',
    sets: { ...AS_IT_IS, span: 'week', unwrapped: false },
    text: (
      <p>
        Here all hours of a week are side by side; a colour is a direction of a dial. A row that repeats its colours every day has learned the day; one that drifts over the week has learned the week. Rows of one colour hold still: their pairs
        carry content and order. Nobody told the model that days exist: it saw the sine and cosine of the clock, and what people did.
      </p>
    ),
    invitation: <>Switch off the ReLU branch, then the sine branch: which of the two carries the stripes? Switch off order: what remains depends on the clock alone.</>,
  },
  {
    title: 'Which periods did it learn?',
    view: 'angles',
    sets: { ...AS_IT_IS, span: 'month', unwrapped: false },
    text: (
      <p>
        Take the angles of four weeks apart into waves, as a prism does with light. In the data of this model a rhythm of 24 hours and one of seven days were planted, so there is a right answer: the strongest wave should be the day, and the week
        should be there. The spectrum below shows what it found.
      </p>
    ),
    invitation: <>Choose the KuaiRand model at the top, trained on a real log where nothing was planted: is the day still the strongest?</>,
  },
  {
    title: 'Whom attention looks at',
    view: 'attention',
    sets: { ...AS_IT_IS, span: 'week', unwrapped: false },
    text: (
      <p>
        Angles matter because attention compares them. Ordinal RoPE (grey) prefers what is near in line and knows no clock. TO-RoPE stretches the line by the time, and still knows no clock. The learned rotation (blue) has peaks at whole days:
        at eight in the morning it looks at other mornings, as you would.
      </p>
    ),
    invitation: <>Drag the time from morning to night, and see the bright hours of the calendar move along with you.</>,
  },
  {
    title: 'How it came to be',
    view: 'training',
    sets: { ...AS_IT_IS, span: 'day', unwrapped: false },
    text: (
      <p>
        Before training the learned part of every angle was zero: this model began as fixed RoPE. Step by step the loss pulled the angles to where the hour helps to predict. The slider goes back through that training, and all pictures of the
        page go with it. Below, a small model can learn before your eyes, in this browser.
      </p>
    ),
    invitation: <>Drag the slider of training to its beginning and back. Then start the live training and watch the spectrum find the day. Start it again with a weekly rhythm in its place (part of the slow: 100 %).</>,
  },
  {
    title: 'The same feed, another hour',
    view: 'feed',
    sets: { ...AS_IT_IS, span: 'day', unwrapped: false, person: 0 },
    text: (
      <p>
        All this is for a list like this one. The candidates and the history stay the same; only the time of asking moves. Because the model knows when things were liked, the feed for breakfast is another than the feed for the night. It is
        ranked on your device, anew in every frame, and for each item the page can compute why it stands where it stands.
      </p>
    ),
    invitation: <>Drag the time through the day. Then take an event of the history and move it to another hour, or remove it, and see who falls.</>,
  },
];
