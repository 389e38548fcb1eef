/** One answer: thinking folded, text, tool calls, what went wrong, and what it cost. */
import { useState } from 'preact/hooks';
import type { TokenDetail, WireToolCall } from '../api/types.ts';
import type { Answer, AnswerError } from './conversation.ts';
import { TokenText } from './token-text.tsx';

type Props = {
  readonly answer: Answer;
  readonly busy: boolean;
  /** Null while nothing can be asked. */
  readonly onRegenerate: (() => void) | null;
};

export function AnswerView({ answer, busy, onRegenerate }: Props) {
  const { content, reasoning, toolCalls, tokens, error } = answer;
  const waiting = busy && content === '' && reasoning === '' && toolCalls.length === 0;
  return (
    <article class="turn answer" aria-label="Answer" aria-busy={busy}>
      {reasoning !== '' && (
        <Reasoning text={reasoning} running={busy && content === '' && toolCalls.length === 0} />
      )}
      {waiting && <span class="cursor" aria-hidden="true" />}
      {content !== '' && (
        <div class={busy ? 'text running' : 'text'}>
          {spells(tokens, content) ? <TokenText tokens={tokens} /> : content}
        </div>
      )}
      {toolCalls.map((call) => (
        <ToolCall key={call.id} call={call} />
      ))}
      {error !== null && <ErrorCard error={error} onRetry={onRegenerate} />}
      {!busy && <Footer answer={answer} onRegenerate={onRegenerate} />}
    </article>
  );
}

/** Open while the model thinks, folded once it answers, and as the user wants from then on. */
function Reasoning({ text, running }: { readonly text: string; readonly running: boolean }) {
  return (
    <details class="reasoning" open={running}>
      <summary>
        {running ? 'Thinking' : `Thought in ${text.trim().split(/\s+/).length} words`}
      </summary>
      <p>{text}</p>
    </details>
  );
}

function ToolCall({ call }: { readonly call: WireToolCall }) {
  return (
    <figure class="call">
      <figcaption>
        Calls <code>{call.function.name}</code>
      </figcaption>
      <pre>{pretty(call.function.arguments)}</pre>
    </figure>
  );
}

function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}

type ErrorProps = { readonly error: AnswerError; readonly onRetry: (() => void) | null };

function ErrorCard({ error, onRetry }: ErrorProps) {
  return (
    <div class="error" role="alert">
      <p>
        <strong>{error.title}</strong>
        {error.code !== null && <code>{error.code}</code>}
      </p>
      <p>{error.message}</p>
      {onRetry !== null && (
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Tokens stand for the text only when they spell it; not so with thinking or tool calls. */
function spells(tokens: readonly TokenDetail[], content: string): boolean {
  return tokens.length > 0 && tokens.map(({ token }) => token).join('') === content;
}

function Footer({ answer, onRegenerate }: Omit<Props, 'busy'>) {
  const [copied, setCopied] = useState(false);
  const copy = () => {
    navigator.clipboard?.writeText(answer.content).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  };
  return (
    <footer class="figures">
      <span>{figures(answer).join(' · ')}</span>
      <span class="actions">
        {answer.content !== '' && (
          <button type="button" class="small" onClick={copy} onBlur={() => setCopied(false)}>
            {copied ? 'Copied' : 'Copy'}
          </button>
        )}
        {onRegenerate !== null && answer.error === null && (
          <button type="button" class="small" onClick={onRegenerate}>
            Regenerate
          </button>
        )}
      </span>
    </footer>
  );
}

const ENDINGS: Readonly<Record<string, string>> = {
  stopped: 'stopped by you',
  length: 'cut off at the most tokens',
  tool_calls: 'waits for a result',
};

function figures({ usage, firstTokenMs, totalMs, finishReason, error }: Answer): string[] {
  const cached = usage?.prompt_tokens_details?.cached_tokens ?? 0;
  const decodeMs = totalMs !== null && firstTokenMs !== null ? totalMs - firstTokenMs : 0;
  const speed =
    usage !== null && decodeMs > 0 ? (usage.completion_tokens - 1) / (decodeMs / 1000) : 0;
  const broken = finishReason === null && error === null ? 'broken off' : '';
  return [
    finishReason === null ? broken : (ENDINGS[finishReason] ?? ''),
    usage === null ? '' : `${usage.prompt_tokens} + ${usage.completion_tokens} tokens`,
    cached > 0 ? `${cached} from cache` : '',
    firstTokenMs === null ? '' : `first after ${firstTokenMs.toFixed(0)} ms`,
    speed > 0 ? `${speed.toFixed(0)} tokens/s` : '',
  ].filter((part) => part !== '');
}
