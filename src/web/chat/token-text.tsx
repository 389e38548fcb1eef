/** Text by tokens: colour tells how sure the model was, pointing at one tells the alternatives. */
import type { TokenDetail } from '../api/types.ts';

const percent = (logprob: number) => `${(100 * Math.exp(logprob)).toFixed(1)} %`;

/** Five steps from sure to unsure; colours are in the style sheet. */
function doubt({ logprob }: TokenDetail): number {
  const probability = Math.exp(logprob);
  return [0.9, 0.6, 0.3, 0.1].filter((limit) => probability < limit).length;
}

function alternatives(token: TokenDetail): string {
  const rows = token.top_logprobs.map(
    ({ token: text, logprob }) => `${percent(logprob).padStart(7)}  ${JSON.stringify(text)}`,
  );
  return [`${JSON.stringify(token.token)}  ${percent(token.logprob)}`, ...rows].join('\n');
}

export function TokenText({ tokens }: { readonly tokens: readonly TokenDetail[] }) {
  return (
    <>
      {tokens.map((token, index) => (
        <span class={`token doubt-${doubt(token)}`} title={alternatives(token)} key={index}>
          {token.token}
        </span>
      ))}
    </>
  );
}
