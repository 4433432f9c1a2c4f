/* formulas.tsx: the formulas behind the pictures, in MathML, with the README's symbols. */
import type { ComponentChildren } from 'preact';

const i = (name: string) => <mi>{name}</mi>;
const o = (sign: string) => <mo>{sign}</mo>;
const sub = (base: ComponentChildren, index: ComponentChildren) => (
  <msub>
    {typeof base === 'string' ? i(base) : base}
    {typeof index === 'string' ? i(index) : index}
  </msub>
);
const fn = (name: ComponentChildren, argument: ComponentChildren) => (
  <mrow>
    {name}
    {o('⁡')}
    <mrow>
      {o('(')}
      {argument}
      {o(')')}
    </mrow>
  </mrow>
);
const Formula = ({ children, label }: { children: ComponentChildren; label: string }) => (
  <math display="block" aria-label={label}>
    <mrow>{children}</mrow>
  </math>
);
const power = (base: ComponentChildren, exponent: ComponentChildren) => (
  <msup>
    {base}
    {exponent}
  </msup>
);
const frac = (a: ComponentChildren, b: ComponentChildren) => (
  <mfrac>
    <mrow>{a}</mrow>
    <mrow>{b}</mrow>
  </mfrac>
);

export const rotationFormula = (
  <>
    <p>Two numbers of a token, e and o, are a point of a plane. To rotate the token by θ is to turn that point:</p>
    <Formula label="e, o become e cos theta minus o sin theta, e sin theta plus o cos theta">
      <mrow>{o('(')}{i('e')}{o(',')}{i('o')}{o(')')}</mrow>
      {o('→')}
      <mrow>
        {o('(')}
        {i('e')}{fn(i('cos'), i('θ'))}{o('−')}{i('o')}{fn(i('sin'), i('θ'))}
        {o(',')}
        {i('e')}{fn(i('sin'), i('θ'))}{o('+')}{i('o')}{fn(i('cos'), i('θ'))}
        {o(')')}
      </mrow>
    </Formula>
    <p>Pair j of the P pairs of a head turns, for an event at time t whose place in the history is n, by</p>
    <Formula label="theta j of t equals f of phi of t at j times freq j, minus n times inv j times lambda">
      {fn(sub('θ', 'j'), i('t'))}{o('=')}
      <munder><mrow>{sub('f', 'j')}{o('(')}{i('φ')}{o('(')}{i('t')}{o(')')}{o(')')}{o('·')}{sub(<mtext>freq</mtext>, 'j')}</mrow><mtext>learned: when</mtext></munder>
      {o('−')}
      <munder><mrow>{i('n')}{o('·')}{sub(<mtext>inv</mtext>, 'j')}{o('·')}{i('λ')}</mrow><mtext>fixed: which in line</mtext></munder>
      {o(',')}
      <mspace width="1em" />
      {sub(<mtext>inv</mtext>, 'j')}{o('=')}{power(<mtext>base</mtext>, <mrow>{o('−')}{i('j')}{o('/')}{i('P')}</mrow>)}
    </Formula>
    <p>
      Fixed RoPE is the second part alone, with λ = 1. “Time part frozen” keeps the first at its value of the Monday from which this page counts places. f is two small networks added, one of sines and one of
      ReLUs; φ(t) are the sine and cosine of the day and the week, and a slow trend. Only differences of angles reach the model, so where zero lies means nothing.
    </p>
  </>
);

export const angleFormula = (
  <>
    <p>Drawn is θ, as under the dials; the colour of a cell is its direction:</p>
    <Formula label="f of phi equals the sine branch of phi plus the ReLU branch of phi">
      {fn(i('f'), i('φ'))}{o('=')}
      <munder>{fn(sub('f', <mtext>sin</mtext>), i('φ'))}<mtext>sine branch</mtext></munder>
      {o('+')}
      <munder>{fn(sub('f', <mtext>ReLU</mtext>), i('φ'))}<mtext>ReLU branch</mtext></munder>
    </Formula>
    <p>A layer of the sine branch is sin(ω₀ · (W h + b)), ω₀ = 10. Switching a branch off sets its weights to zero; switching order off sets λ to zero. The package computes what is left.</p>
  </>
);

export const spectrumFormula = (
  <>
    <p>The time part of a pair, over four weeks, is a sum of waves with k whole cycles each. Its share of the variance is</p>
    <Formula label="share of k equals the squared size of the Fourier coefficient k over the sum of all of them">
      {sub('s', 'k')}{o('=')}
      {frac(<msup><mrow>{o('|')}{sub('X', 'k')}{o('|')}</mrow><mn>2</mn></msup>, <><munder>{o('∑')}<mrow>{i('m')}{o('≥')}<mn>1</mn></mrow></munder><msup><mrow>{o('|')}{sub('X', 'm')}{o('|')}</mrow><mn>2</mn></msup></>)}
      {o(',')}
      <mspace width="1em" />
      {sub('X', 'k')}{o('=')}<munder>{o('∑')}{i('i')}</munder>{fn(i('x'), sub('t', 'i'))}{o('·')}{power(i('e'), <mrow>{o('−')}<mn>2</mn>{i('π')}{i('i')}{i('k')}{i('i')}{o('/')}{i('n')}</mrow>)}
    </Formula>
    <p>after a straight line was taken off. A pair that is one clean daily wave has all of it at 24 hours. A daily pattern that is no pure wave also has some at 12, 8, 6 hours.</p>
  </>
);

export const kernelFormula = (
  <>
    <p>Attention compares a query at time t with a key at time s by q · k. Rotated by their angles, and with the same content in every pair, that is a fixed number times</p>
    <Formula label="kappa of t and s equals one over P times the sum over j of cosine of theta j of t minus theta j of s">
      {fn(i('κ'), <>{i('t')}{o(',')}{i('s')}</>)}{o('=')}{frac(<mn>1</mn>, i('P'))}
      <munderover>{o('∑')}<mrow>{i('j')}{o('=')}<mn>0</mn></mrow><mrow>{i('P')}{o('−')}<mn>1</mn></mrow></munderover>
      {fn(i('cos'), <>{fn(sub('θ', 'j'), i('t'))}{o('−')}{fn(sub('θ', 'j'), i('s'))}</>)}
    </Formula>
    <p>1 is “looks at it as at itself”, 0 is “no preference”, −1 is “turned away”. Ordinal RoPE knows only how many events lie between; TO-RoPE stretches that by the days between (its constants: base 10,000, time scale 0.01); SIREN-RoPE has learned when.</p>
  </>
);

export const trainingFormula = (
  <>
    <p>λ multiplies the fixed part of every angle, freq (one number a pair) the learned part; both are learned with everything else. NE is the mean log loss over the entropy of the base rate:</p>
    <Formula label="NE equals mean log loss over H of the base rate">
      <mtext>NE</mtext>{o('=')}
      {frac(<mrow>{o('−')}<mtext>mean</mtext>{o('(')}{i('y')}{fn(i('log'), i('p'))}{o('+')}{o('(')}<mn>1</mn>{o('−')}{i('y')}{o(')')}{fn(i('log'), <><mn>1</mn>{o('−')}{i('p')}</>)}{o(')')}</mrow>, <mrow>{i('H')}{o('(')}<mtext>base rate</mtext>{o(')')}</mrow>)}
    </Formula>
    <p>1 is as good as always guessing the average; lower is better.</p>
  </>
);

export const feedFormula = (
  <>
    <p>Each candidate is scored as if it were the next event, at the time of the slider: score = Σ weight · probability over the tasks. Why it moved is computed, not guessed:</p>
    <ul>
      <li><b>influence of an event</b> = score − score of the same request without that event;</li>
      <li><b>if time stood still</b> = the score where every event and the candidate have the newest event’s time in their rotation, so that only order is left.</li>
    </ul>
  </>
);
