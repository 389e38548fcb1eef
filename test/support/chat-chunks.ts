/** A chat stream as clients see it: its chunks, and the message that they add up to. */
import { expect } from 'vitest';
import { sseEvents, type TestServer } from './http-server.ts';

export const CHAT = '/v1/chat/completions';
export const MESSAGES = [{ role: 'user', content: 'hi' }];

type CallDelta = {
  readonly index: number;
  readonly id?: string;
  readonly type?: string;
  readonly function: { readonly name?: string; readonly arguments: string };
};

export type ChatChunk = {
  readonly choices: readonly {
    readonly index: number;
    readonly delta: {
      readonly role?: string;
      readonly content?: string;
      readonly reasoning_content?: string;
      readonly reasoning?: string;
      readonly tool_calls?: readonly CallDelta[];
    };
    readonly logprobs: { readonly content: readonly { readonly bytes: number[] }[] } | null;
    readonly finish_reason: string | null;
    readonly stop_reason?: string | number | null;
  }[];
  readonly usage?: Usage | null;
};

type Usage = {
  readonly completion_tokens: number;
  readonly prompt_tokens_details: { readonly cached_tokens: number };
  readonly completion_tokens_details: { readonly reasoning_tokens: number };
};

export type ChatMessage = {
  content: string | null;
  reasoning?: string;
  calls: { name: string; arguments: string }[];
  finishReason: string | null;
};

type WholeMessage = {
  readonly content: string | null;
  readonly reasoning?: string;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly {
    readonly id: string;
    readonly type: string;
    readonly function: { readonly name: string; readonly arguments: string };
  }[];
};

export type WholeChat = {
  readonly choices: readonly {
    readonly message: WholeMessage;
    readonly logprobs: { readonly content: readonly { readonly bytes: number[] }[] } | null;
    readonly finish_reason: string;
    readonly stop_reason: string | number | null;
  }[];
  readonly usage: Usage;
};

export async function askChat({ app }: TestServer, fields: object = {}): Promise<WholeChat> {
  const answer = await app.inject({
    method: 'POST',
    url: CHAT,
    payload: { messages: MESSAGES, ...fields },
  });
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json();
}

/** Chunks of a stream; what must hold for every one of them is checked. */
export async function streamChat({ app }: TestServer, fields: object = {}): Promise<ChatChunk[]> {
  const answer = await app.inject({
    method: 'POST',
    url: CHAT,
    payload: { messages: MESSAGES, ...fields, stream: true },
  });
  expect(answer.statusCode, answer.body).toBe(200);
  const events = sseEvents(answer.body);
  expect(events.pop()).toBe('[DONE]');
  const chunks = events as ChatChunk[];
  for (const { choices } of chunks) for (const choice of choices) checkDelta(choice);
  return chunks;
}

/** Clients fail on null where a field should be missing, and on '' where it should be null. */
function checkDelta({ delta, finish_reason: reason }: ChatChunk['choices'][number]): void {
  for (const value of Object.values(delta)) expect(value).not.toBeNull();
  expect(delta.reasoning).toBe(delta.reasoning_content);
  expect([null, 'stop', 'length', 'tool_calls']).toContain(reason);
  for (const call of delta.tool_calls ?? []) {
    const isFirst = call.id !== undefined;
    expect(call.type).toBe(isFirst ? 'function' : undefined);
    expect(call.function.name !== undefined).toBe(isFirst);
    if (isFirst) expect(call.function.arguments).toBe('');
  }
}

/** What a client puts together of one choice of a stream. */
export function joinChunks(chunks: readonly ChatChunk[], index = 0): ChatMessage {
  const message: ChatMessage = { content: '', calls: [], finishReason: null };
  for (const choice of chunks.flatMap(({ choices }) => choices)) {
    if (choice.index !== index) continue;
    const { content, reasoning, tool_calls: calls = [] } = choice.delta;
    expect(message.finishReason).toBeNull();
    message.content += content ?? '';
    if (reasoning !== undefined) message.reasoning = (message.reasoning ?? '') + reasoning;
    for (const { index: at, function: called } of calls) {
      message.calls[at] ??= { name: called.name ?? '', arguments: '' };
      message.calls[at].arguments += called.arguments;
    }
    message.finishReason = choice.finish_reason;
  }
  if (message.content === '' && message.calls.length > 0) message.content = null;
  return message;
}

/** The same of a whole answer. */
export function wholeMessage({ choices }: WholeChat, index = 0): ChatMessage {
  const { message, finish_reason: finishReason } = choices[index] ?? {};
  expect(message?.reasoning).toBe(message?.reasoning_content);
  return {
    content: message?.content ?? null,
    ...(message?.reasoning !== undefined && { reasoning: message.reasoning }),
    calls: (message?.tool_calls ?? []).map((call) => call.function),
    finishReason: finishReason ?? null,
  };
}
