/** The conversation as data: what the user sent, what came back, and how it came. */
import type { ChatChunk, TokenDetail, Usage, WireMessage, WireToolCall } from '../api/types.ts';

export type AnswerError = {
  readonly title: string;
  readonly message: string;
  readonly code: string | null;
};

export type Answer = {
  readonly content: string;
  readonly reasoning: string;
  readonly toolCalls: readonly WireToolCall[];
  /** One entry for each token when probabilities were asked for. */
  readonly tokens: readonly TokenDetail[];
  /** The server's word, `stopped` when the user ended it, null while it runs or was cut off. */
  readonly finishReason: string | null;
  readonly usage: Usage | null;
  readonly firstTokenMs: number | null;
  readonly totalMs: number | null;
  readonly error: AnswerError | null;
};

export type Turn =
  | { readonly kind: 'user'; readonly text: string }
  | { readonly kind: 'toolResult'; readonly callId: string; readonly text: string }
  | { readonly kind: 'answer'; readonly answer: Answer };

export const EMPTY_ANSWER: Answer = {
  content: '',
  reasoning: '',
  toolCalls: [],
  tokens: [],
  finishReason: null,
  usage: null,
  firstTokenMs: null,
  totalMs: null,
  error: null,
};

/** The answer with one more chunk of the stream. */
export function withChunk(answer: Answer, chunk: ChatChunk, elapsedMs: number): Answer {
  const [choice] = chunk.choices;
  const usage = chunk.usage ?? answer.usage;
  if (choice === undefined) return { ...answer, usage };
  const { delta } = choice;
  const content = answer.content + (delta.content ?? '');
  const reasoning = answer.reasoning + (delta.reasoning_content ?? '');
  const toolCalls = withCallDeltas(answer.toolCalls, delta.tool_calls ?? []);
  const began = content !== '' || reasoning !== '' || toolCalls.length > 0;
  return {
    ...answer,
    content,
    reasoning,
    toolCalls,
    usage,
    tokens: [...answer.tokens, ...(choice.logprobs?.content ?? [])],
    finishReason: choice.finish_reason ?? answer.finishReason,
    firstTokenMs: answer.firstTokenMs ?? (began ? elapsedMs : null),
    totalMs: elapsedMs,
  };
}

type CallDeltas = NonNullable<ChatChunk['choices'][number]['delta']['tool_calls']>;

function withCallDeltas(
  calls: readonly WireToolCall[],
  deltas: CallDeltas,
): readonly WireToolCall[] {
  const next = [...calls];
  for (const delta of deltas) {
    const known = next[delta.index];
    next[delta.index] = {
      id: delta.id ?? known?.id ?? '',
      type: 'function',
      function: {
        name: delta.function?.name ?? known?.function.name ?? '',
        arguments: (known?.function.arguments ?? '') + (delta.function?.arguments ?? ''),
      },
    };
  }
  return next;
}

/** The conversation as the API takes it. Thinking is not sent back. */
export function toMessages(system: string, turns: readonly Turn[]): WireMessage[] {
  const first: WireMessage[] = system.trim() === '' ? [] : [{ role: 'system', content: system }];
  return [...first, ...turns.flatMap(turnMessages)];
}

function turnMessages(turn: Turn): WireMessage[] {
  if (turn.kind === 'user') return [{ role: 'user', content: turn.text }];
  if (turn.kind === 'toolResult') {
    return [{ role: 'tool', content: turn.text, tool_call_id: turn.callId }];
  }
  // An answer that ended before it began says nothing to the model.
  const { content, toolCalls } = turn.answer;
  return content === '' && toolCalls.length === 0 ? [] : [answerMessage(turn.answer)];
}

function answerMessage({ content, toolCalls }: Answer): WireMessage {
  const calls = toolCalls.length === 0 ? {} : { tool_calls: toolCalls };
  return {
    role: 'assistant',
    content: content === '' && toolCalls.length > 0 ? null : content,
    ...calls,
  };
}

/** Turns up to the question that the answer at `index` answers; asking them again replaces it. */
export function turnsBeforeAnswer(turns: readonly Turn[], index: number): readonly Turn[] {
  return turns.slice(0, turns.slice(0, index).findLastIndex(({ kind }) => kind !== 'answer') + 1);
}

/** The conversation with another text at `index`; what came after it no longer follows from it. */
export function withEditedTurn(
  turns: readonly Turn[],
  index: number,
  text: string,
): readonly Turn[] {
  const turn = turns[index];
  if (turn === undefined || turn.kind === 'answer') return turns;
  return [...turns.slice(0, index), { ...turn, text }];
}

/** The first call of the last answer that has no result yet. */
export function unansweredCall(turns: readonly Turn[]): WireToolCall | null {
  const at = turns.findLastIndex(({ kind }) => kind === 'answer');
  const turn = turns[at];
  if (turn?.kind !== 'answer') return null;
  const results = turns.slice(at + 1).filter(({ kind }) => kind === 'toolResult').length;
  return turn.answer.toolCalls[results] ?? null;
}
