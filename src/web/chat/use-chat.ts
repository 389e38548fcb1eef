/** Runs the conversation: sends, streams, stops, and keeps what came. */
import { useCallback, useRef, useState } from 'preact/hooks';
import { ApiError, streamChat } from '../api/client.ts';
import { type Answer, EMPTY_ANSWER, type Turn, toMessages, withChunk } from './conversation.ts';
import { type Parameters, requestBody } from './request-body.ts';

export type Chat = {
  readonly turns: readonly Turn[];
  readonly streaming: boolean;
  send(turn: Turn): void;
  /** Asks again from the last turn that is not an answer. */
  retry(): void;
  stop(): void;
  clear(): void;
};

type Options = {
  readonly parameters: Parameters;
  readonly apiKey: string;
  readonly onUnauthorized: () => void;
};

export function useChat({ parameters, apiKey, onUnauthorized }: Options): Chat {
  const [turns, setTurns] = useState<readonly Turn[]>([]);
  const [streaming, setStreaming] = useState(false);
  const abort = useRef<AbortController | null>(null);

  const ask = useCallback(
    async (before: readonly Turn[]) => {
      const controller = new AbortController();
      abort.current = controller;
      let answer: Answer = EMPTY_ANSWER;
      const show = (next: Answer) => {
        answer = next;
        setTurns([...before, { kind: 'answer', answer }]);
      };
      show(answer);
      setStreaming(true);
      const startMs = performance.now();
      try {
        const body = requestBody(parameters, toMessages(parameters.system, before));
        for await (const chunk of streamChat(body, apiKey, controller.signal)) {
          show(withChunk(answer, chunk, performance.now() - startMs));
        }
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) onUnauthorized();
        show({ ...answer, ...endedBy(error, controller.signal) });
      } finally {
        setStreaming(false);
      }
    },
    [parameters, apiKey, onUnauthorized],
  );

  const start = (before: readonly Turn[]) => {
    ask(before).catch(() => undefined);
  };
  return {
    turns,
    streaming,
    send: (turn) => start([...turns, turn]),
    retry: () => start(turns.slice(0, turns.findLastIndex(({ kind }) => kind !== 'answer') + 1)),
    stop: () => abort.current?.abort(),
    clear: () => {
      abort.current?.abort();
      setTurns([]);
    },
  };
}

function endedBy(error: unknown, signal: AbortSignal): Partial<Answer> {
  if (signal.aborted) return { finishReason: 'stopped by you' };
  if (error instanceof ApiError || error instanceof SyntaxError) return { error: error.message };
  return { error: 'The connection to the server was lost.' };
}
