/** Calls the server that served this page, with the key the user entered. */
import { eventData } from './event-stream.ts';
import type { ChatChunk, ModelCard } from './types.ts';

/** What the server answered when it refused; `status` 401 asks for a key. */
export class ApiError extends Error {
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
  }
}

function headers(apiKey: string): Record<string, string> {
  const key = apiKey === '' ? {} : { authorization: `Bearer ${apiKey}` };
  return { 'content-type': 'application/json', ...key };
}

async function refusal(response: Response): Promise<ApiError> {
  const body = (await response.json().catch(() => null)) as {
    readonly error?: { readonly message?: string };
  } | null;
  const message = body?.error?.message ?? `the server answered ${response.status}`;
  return new ApiError(message, response.status);
}

export async function fetchModels(apiKey: string): Promise<readonly ModelCard[]> {
  const response = await fetch('v1/models', { headers: headers(apiKey) });
  if (!response.ok) throw await refusal(response);
  return ((await response.json()) as { readonly data: readonly ModelCard[] }).data;
}

/** Streams one chat completion. Throws ApiError; an aborted signal ends the stream with an AbortError. */
export async function* streamChat(
  body: Readonly<Record<string, unknown>>,
  apiKey: string,
  signal: AbortSignal,
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
    if (chunk.error !== undefined) throw new ApiError(chunk.error.message, 200);
    yield chunk;
  }
}
