/** Some requests to look at: most begin with the same long text, and they come one after another. */
import { useRef, useState } from 'preact/hooks';
import { ApiError, streamChat } from '../api/client.ts';
import type { Server } from '../shell/use-server.ts';

export const REQUESTS = 14;
/** Answers of each request: sequences of their own with the same prompt. */
export const ANSWERS = 3;
/** At a time: browsers open six connections to a server, the feed and the chat need theirs. */
const CONNECTIONS = 4;
const APART_MS = 600;
const TOKENS_MIN = 60;
const TOKENS_STEP = 17;
/** One in so many begins with a text of its own, and finds nothing in the cache. */
const OWN_TEXT_EVERY = 5;

const SHARED_TEXT = Array.from(
  { length: 14 },
  (_, line) => `Note ${line + 1}: item ${line + 1} weighs ${3 * line + 7} pounds.`,
).join('\n');

export type DemoLoad = {
  /** Requests that are open. */
  readonly openCount: number;
  readonly problem: string | null;
  start(): void;
  stop(): void;
};

export function useDemoLoad({ model, apiKey, openKeyDialog }: Server): DemoLoad {
  const [openCount, setOpenCount] = useState(0);
  const [problem, setProblem] = useState<string | null>(null);
  const abort = useRef<AbortController | null>(null);

  const one = async (index: number, signal: AbortSignal) => {
    for await (const _ of streamChat(demoBody(model?.id ?? '', index), { apiKey, signal })) {
      // Only the engine is looked at.
    }
    setOpenCount((count) => count - 1);
  };
  const run = async (controller: AbortController) => {
    const waiting = Array.from({ length: REQUESTS }, (_, index) => index);
    const connection = async (_: unknown, position: number) => {
      await pause(position * APART_MS, controller.signal);
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        await one(next, controller.signal);
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, connection));
  };
  const start = () => {
    const controller = new AbortController();
    abort.current = controller;
    setProblem(null);
    setOpenCount(REQUESTS);
    run(controller)
      .catch((error: unknown) => {
        if (controller.signal.aborted) return;
        controller.abort();
        if (error instanceof ApiError && error.status === 401) openKeyDialog('refused');
        setProblem(error instanceof ApiError ? error.message : 'The server cannot be reached.');
      })
      .finally(() => setOpenCount(0));
  };
  return { openCount, problem, start, stop: () => abort.current?.abort() };
}

function demoBody(model: string, index: number): Record<string, unknown> {
  const own = index % OWN_TEXT_EVERY === OWN_TEXT_EVERY - 1;
  const text = own ? `List ${index}.\n${SHARED_TEXT}` : SHARED_TEXT;
  return {
    model,
    messages: [{ role: 'user', content: `${text}\nWhat does item ${index + 1} weigh?` }],
    temperature: 1,
    seed: index,
    n: ANSWERS,
    max_tokens: TOKENS_MIN + ((index * 5) % REQUESTS) * TOKENS_STEP,
    // A short answer would be gone before it is seen.
    ignore_eos: true,
  };
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
