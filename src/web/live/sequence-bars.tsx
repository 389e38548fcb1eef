/** The running sequences: how much of each came from the cache, was prefilled, was generated. */
import type { LiveSequence } from '../api/live-frame.ts';

const SHOWN_MAX = 16;

export function SequenceBars({ sequences }: { readonly sequences: readonly LiveSequence[] }) {
  const longest = Math.max(
    1,
    ...sequences.map(([, , prompt, , computed]) => Math.max(prompt, computed)),
  );
  if (sequences.length === 0) return <p class="empty">No sequence is running.</p>;
  return (
    <>
      <ul class="sequences">
        {sequences.slice(0, SHOWN_MAX).map((sequence) => (
          <SequenceBar key={sequence[0]} sequence={sequence} longest={longest} />
        ))}
      </ul>
      {sequences.length > SHOWN_MAX && <p class="empty">and {sequences.length - SHOWN_MAX} more</p>}
    </>
  );
}

type BarProps = { readonly sequence: LiveSequence; readonly longest: number };

function SequenceBar({ sequence: [id, , prompt, cached, computed], longest }: BarProps) {
  const prefilled = Math.max(0, Math.min(prompt, computed) - cached);
  const generated = Math.max(0, computed - prompt);
  const left = Math.max(0, prompt - Math.max(computed, cached));
  const width = (tokens: number) => ({ width: `${(100 * tokens) / longest}%` });
  return (
    <li>
      <span class="number">{id}</span>
      <span class="bar" aria-hidden="true">
        <i class="cached" style={width(cached)} />
        <i class="prefill" style={width(prefilled)} />
        <i class="left" style={width(left)} />
        <i class="decode" style={width(generated)} />
      </span>
      <span class="counts">
        <span class="hidden-text">Cached, prefilled, generated tokens: </span>
        {cached} + {prefilled} + {generated}
      </span>
    </li>
  );
}
