/**
 * Text by tokens: colour tells how sure the model was; pointing at a token, or moving to it with the
 * arrow keys, tells the alternatives.
 */
import { useState } from 'preact/hooks';
import type { TokenDetail } from '../api/types.ts';

const probability = ({ logprob }: { readonly logprob: number }) => Math.exp(logprob);
const percent = (value: number) => `${(100 * value).toFixed(1)} %`;

/** White space as signs, so that it can be seen. */
const visible = (text: string) =>
  text.replaceAll(' ', '\u2423').replaceAll('\n', '\u21b5').replaceAll('\t', '\u21e5') || '\u2205';

/** Five steps from sure to unsure; colours are in the style sheet. */
function doubt(token: TokenDetail): number {
  return [0.9, 0.6, 0.3, 0.1].filter((limit) => probability(token) < limit).length;
}

type Shown = { readonly index: number; readonly place: Readonly<Record<string, string>> };

export function TokenText({ tokens }: { readonly tokens: readonly TokenDetail[] }) {
  const [shown, setShown] = useState<Shown | null>(null);
  const showAt = (box: HTMLElement, index: number) => {
    const token = box.children[index];
    if (!(token instanceof HTMLElement)) return;
    const left = Math.min(token.offsetLeft, Math.max(0, box.clientWidth - POPOVER_WIDTH));
    // Below the token, unless the composer would be in the way.
    const low = token.getBoundingClientRect().bottom > innerHeight * LOW;
    const place = low
      ? { left: `${left}px`, bottom: `${box.clientHeight - token.offsetTop}px` }
      : { left: `${left}px`, top: `${token.offsetTop + token.offsetHeight}px` };
    setShown({ index, place });
  };
  const onKeyDown = (event: KeyboardEvent & { readonly currentTarget: HTMLElement }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === 'Escape') setShown(null);
    if (step === undefined) return;
    event.preventDefault();
    const index = shown === null ? 0 : shown.index + step;
    showAt(event.currentTarget, Math.max(0, Math.min(tokens.length - 1, index)));
  };
  const token = shown === null ? undefined : tokens[shown.index];
  return (
    <div class="tokens">
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is for the fields of a form */}
      <div
        class="token-line"
        role="group"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys work in here
        tabIndex={0}
        aria-label="Answer by tokens. The arrow keys tell the probability of each."
        onPointerOver={(event) => {
          const index = (event.target as HTMLElement).dataset.index;
          if (index !== undefined) showAt(event.currentTarget, Number(index));
        }}
        onPointerLeave={() => setShown(null)}
        onBlur={() => setShown(null)}
        onKeyDown={onKeyDown}
      >
        {tokens.map((one, index) => (
          <span
            class={`token doubt-${doubt(one)}${index === shown?.index ? ' active' : ''}`}
            data-index={index}
            key={index}
          >
            {one.token}
          </span>
        ))}
      </div>
      {shown !== null && token !== undefined && (
        <div class="alternatives" role="status" style={shown.place}>
          <Alternatives token={token} />
        </div>
      )}
    </div>
  );
}

const POPOVER_WIDTH = 240;
/** Share of the window's height below which the alternatives go above their token. */
const LOW = 0.55;

function Alternatives({ token }: { readonly token: TokenDetail }) {
  const others = token.top_logprobs.some((one) => one.token === token.token)
    ? token.top_logprobs
    : [token, ...token.top_logprobs];
  return (
    <table>
      <caption class="hidden-text">Most probable tokens here</caption>
      <tbody>
        {others.map((one, index) => (
          <tr key={index} class={one.token === token.token ? 'chosen' : undefined}>
            <th scope="row">{visible(one.token)}</th>
            <td class="bar" aria-hidden="true">
              <i style={{ width: `${100 * probability(one)}%` }} />
            </td>
            <td>{percent(probability(one))}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
