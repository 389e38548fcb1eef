/** One streamed completion over HTTP, timed from outside: works against any OpenAI-compatible server. */
import { request } from 'node:http';

export type StreamTarget = {
  readonly url: string;
  readonly model: string;
  readonly apiKey?: string;
};

export type StreamTiming = {
  /** Milliseconds from sending the request to the first token. */
  readonly firstTokenMs: number;
  readonly totalMs: number;
  /** Gaps between the arrivals of events that carry text. */
  readonly gapsMs: readonly number[];
  /** As the server counts them; servers may join tokens in one event. */
  readonly completionTokens: number;
};

export type StreamBody = { readonly promptTokens: readonly number[]; readonly maxTokens: number };

type Chunk = {
  readonly choices?: readonly unknown[];
  readonly usage?: { readonly completion_tokens?: number } | null;
  readonly error?: { readonly message?: string };
};

function wireBody({ model }: StreamTarget, { promptTokens, maxTokens }: StreamBody): string {
  return JSON.stringify({
    model,
    prompt: promptTokens,
    max_tokens: maxTokens,
    temperature: 1,
    stream: true,
    stream_options: { include_usage: true },
    ignore_eos: true,
  });
}

/** Rejects when the server answers an error or closes early. */
export function streamCompletion(target: StreamTarget, body: StreamBody): Promise<StreamTiming> {
  return new Promise((resolve, reject) => {
    const startMs = performance.now();
    const arrivalsMs: number[] = [];
    let completionTokens = 0;
    let rest = '';
    const onEvent = (data: string) => {
      if (data === '[DONE]') return;
      const chunk = JSON.parse(data) as Chunk;
      if (chunk.error !== undefined) reject(new Error(chunk.error.message ?? 'stream error'));
      completionTokens = chunk.usage?.completion_tokens ?? completionTokens;
      if ((chunk.choices ?? []).length > 0) arrivalsMs.push(performance.now());
    };
    const onText = (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.startsWith('data: ')) onEvent(line.slice(6).trim());
    };
    const onEnd = () => {
      const [first] = arrivalsMs;
      if (first === undefined) return reject(new Error('the stream ended without a token'));
      resolve({
        firstTokenMs: first - startMs,
        totalMs: performance.now() - startMs,
        gapsMs: arrivalsMs.slice(1).map((at, index) => at - (arrivalsMs[index] ?? at)),
        completionTokens,
      });
    };
    const sent = request(`${target.url}/v1/completions`, {
      method: 'POST',
      // Some servers close the socket after a stream; one of its own for each request suits all.
      agent: false,
      headers: {
        'content-type': 'application/json',
        ...(target.apiKey === undefined ? {} : { authorization: `Bearer ${target.apiKey}` }),
      },
    });
    sent.on('response', (response) => {
      response.setEncoding('utf8');
      if (response.statusCode !== 200) {
        response.once('data', (text) => reject(new Error(`${response.statusCode}: ${text}`)));
        return;
      }
      response.on('data', onText).on('end', onEnd).on('error', reject);
    });
    sent.on('error', reject);
    sent.end(wireBody(target, body));
  });
}
