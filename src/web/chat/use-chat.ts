/** Runs the conversation: sends, streams, stops, and keeps what came. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, streamChat } from '../api/client.ts';
import type { Server } from '../shell/use-server.ts';
import {
  type Answer,
  type AnswerError,
  EMPTY_ANSWER,
  type Turn,
  toMessages,
  turnsBeforeAnswer,
  withChunk,
  withEditedTurn,
} from './conversation.ts';
import { type Parameters, requestBody } from './request-body.ts';
import { loadTurns, saveTurns } from './saved-chat.ts';

export type Chat = {
  readonly turns: readonly Turn[];
  readonly streaming: boolean;
  send(turn: Turn): void;
  /** Asks again for the answer at `index`; what follows it is dropped. */
  regenerate(index: number): void;
  /** Asks with another text at `index`; what follows it is dropped. */
  edit(index: number, text: string): void;
  stop(): void;
  clear(): void;
};

type Options = { readonly parameters: Parameters; readonly server: Server };

export function useChat({ parameters, server }: Options): Chat {
  const { apiKey, openKeyDialog } = server;
  const [turns, setTurns] = useState<readonly Turn[]>(() => loadTurns(localStorage));
  const [streaming, setStreaming] = useState(false);
  const abort = useRef<AbortController | null>(null);
  useSaved(turns, streaming);

  const ask = useCallback(
    async (before: readonly Turn[]) => {
      const controller = new AbortController();
      abort.current = controller;
      let answer: Answer = EMPTY_ANSWER;
      const show = (next: Answer) => {
        answer = next;
        // A cleared conversation must not come back with the last words of its stream.
        if (abort.current === controller) setTurns([...before, { kind: 'answer', answer }]);
      };
      show(answer);
      setStreaming(true);
      const startMs = performance.now();
      try {
        const body = requestBody(parameters, toMessages(parameters.system, before));
        for await (const chunk of streamChat(body, { apiKey, signal: controller.signal })) {
          show(withChunk(answer, chunk, performance.now() - startMs));
        }
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) openKeyDialog('refused');
        show({ ...answer, ...endedBy(error, controller.signal) });
      } finally {
        if (abort.current === controller) setStreaming(false);
      }
    },
    [parameters, apiKey, openKeyDialog],
  );

  const start = (before: readonly Turn[]) => {
    ask(before).catch(() => undefined);
  };
  return {
    turns,
    streaming,
    send: (turn) => start([...turns, turn]),
    regenerate: (index) => start(turnsBeforeAnswer(turns, index)),
    edit: (index, text) => start(withEditedTurn(turns, index, text)),
    stop: () => abort.current?.abort(),
    clear: () => {
      abort.current?.abort();
      abort.current = null;
      setStreaming(false);
      setTurns([]);
    },
  };
}

/** Saves when an answer is complete and when the page goes away, not for every token. */
function useSaved(turns: readonly Turn[], streaming: boolean): void {
  const latest = useRef(turns);
  latest.current = turns;
  useEffect(() => {
    if (!streaming) saveTurns(localStorage, turns);
  }, [turns, streaming]);
  useEffect(() => {
    const save = () => saveTurns(localStorage, latest.current);
    addEventListener('pagehide', save);
    return () => removeEventListener('pagehide', save);
  }, []);
}

function endedBy(error: unknown, signal: AbortSignal): Partial<Answer> {
  return signal.aborted ? { finishReason: 'stopped' } : { error: answerError(error) };
}

function answerError(error: unknown): AnswerError {
  if (error instanceof SyntaxError) {
    return { title: 'Not sent', message: `${error.message}.`, code: null };
  }
  if (!(error instanceof ApiError)) {
    return {
      title: 'Connection lost',
      message: 'The server cannot be reached, or the answer broke off. Is it still running?',
      code: null,
    };
  }
  const { message, code, status } = error;
  return { title: titleOf(status), message, code };
}

function titleOf(status: number): string {
  if (status === 200) return 'The answer broke off';
  if (status === 401) return 'A key is needed';
  if (status === 429) return 'The server is full';
  if (status === 503) return 'Not ready';
  return status >= 500 ? 'The server failed' : 'The server refused this request';
}
