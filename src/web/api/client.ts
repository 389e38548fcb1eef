/** Calls the server that served this page, with the key the user entered. */
import { eventData } from './event-stream.ts';
import type { LiveFrame } from './live-frame.ts';
import type { ChatChunk, ModelCard } from './types.ts';

/** What the server answered when it refused; `status` 401 asks for a key. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string | null;

  constructor(message: string, status: number, code: string | null) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
  }
}

type ErrorBody = { readonly error?: { readonly message?: string; readonly code?: string | null } };

function headers(apiKey: string): Record<string, string> {
  const key = apiKey === '' ? {} : { authorization: `Bearer ${apiKey}` };
  return { 'content-type': 'application/json', ...key };
}

async function refusal(response: Response): Promise<ApiError> {
  const body = (await response.json().catch(() => null)) as ErrorBody | null;
  const message = body?.error?.message ?? `the server answered with status ${response.status}`;
  return new ApiError(message, response.status, body?.error?.code ?? null);
}

export async function fetchModels(apiKey: string): Promise<readonly ModelCard[]> {
  const response = await fetch('v1/models', { headers: headers(apiKey) });
  if (!response.ok) throw await refusal(response);
  return ((await response.json()) as { readonly data: readonly ModelCard[] }).data;
}

type Call = { readonly apiKey: string; readonly signal: AbortSignal };

/** Streams one chat completion. Throws ApiError; an aborted signal ends the stream with an AbortError. */
export async function* streamChat(
  body: Readonly<Record<string, unknown>>,
  { apiKey, signal }: Call,
): AsyncGenerator<ChatChunk> {
  const response = await fetch('v1/chat/completions', {
    method: 'POST',
    headers: headers(apiKey),
    body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }),
    signal,
  });
  if (!response.ok || response.body === null) throw await refusal(response);
  for await (const data of eventData(response.body)) {
    if (data === '[DONE]') return;
    const chunk = JSON.parse(data) as ChatChunk;
    if (chunk.error !== undefined) {
      throw new ApiError(chunk.error.message, response.status, chunk.error.code);
    }
    yield chunk;
  }
}

/** What the engine does, until the signal is aborted or the server ends the feed. Throws ApiError. */
export async function* streamLive({ apiKey, signal }: Call): AsyncGenerator<LiveFrame> {
  const response = await fetch('v1/etap/live', { headers: headers(apiKey), signal });
  if (!response.ok || response.body === null) throw await refusal(response);
  for await (const data of eventData(response.body)) yield JSON.parse(data) as LiveFrame;
}
