/** One answer: thinking folded, text, tool calls, and what it cost. */
import type { TokenDetail } from '../api/types.ts';
import type { Answer } from './conversation.ts';
import { TokenText } from './token-text.tsx';

type Props = { readonly answer: Answer; readonly busy: boolean };

export function AnswerView({ answer, busy }: Props) {
  const { content, reasoning, toolCalls, tokens, error } = answer;
  const waiting = busy && content === '' && reasoning === '' && toolCalls.length === 0;
  return (
    <article class="turn answer" aria-label="Answer">
      {reasoning !== '' && (
        <details class="reasoning" open={busy && content === ''}>
          <summary>Thinking</summary>
          <p>{reasoning}</p>
        </details>
      )}
      {waiting && <span class="waiting" role="status" aria-label="Waiting for the first token" />}
      {content !== '' && (
        <div class="text">
          {showsAll(tokens, content) ? <TokenText tokens={tokens} /> : content}
        </div>
      )}
      {toolCalls.map((call) => (
        <pre class="call" key={call.id}>
          <strong>{call.function.name}</strong> {call.function.arguments}
        </pre>
      ))}
      {error !== null && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
      {!busy && <Figures answer={answer} />}
    </article>
  );
}

/** Tokens stand for the text only when they spell it; not so with thinking or tool calls. */
function showsAll(tokens: readonly TokenDetail[], content: string): boolean {
  return tokens.length > 0 && tokens.map(({ token }) => token).join('') === content;
}

function Figures({ answer }: { readonly answer: Answer }) {
  const { usage, firstTokenMs, totalMs, finishReason } = answer;
  const cached = usage?.prompt_tokens_details?.cached_tokens ?? 0;
  const decodeMs = totalMs !== null && firstTokenMs !== null ? totalMs - firstTokenMs : 0;
  const speed =
    usage !== null && decodeMs > 0 ? (usage.completion_tokens - 1) / (decodeMs / 1000) : 0;
  const parts = [
    finishReason === null || finishReason === 'stop' ? '' : `ended: ${finishReason}`,
    usage === null ? '' : `${usage.prompt_tokens} + ${usage.completion_tokens} tokens`,
    cached > 0 ? `${cached} cached` : '',
    firstTokenMs === null ? '' : `first token ${firstTokenMs.toFixed(0)} ms`,
    speed > 0 ? `${speed.toFixed(0)} tokens/s` : '',
  ].filter((part) => part !== '');
  return parts.length === 0 ? null : <footer class="figures">{parts.join(' · ')}</footer>;
}
