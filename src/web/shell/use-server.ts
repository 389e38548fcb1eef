/** The connection to the server: the model it runs, whether it wants a key, and what is wrong. */
import { useCallback, useEffect, useState } from 'preact/hooks';
import { ApiError, fetchModels } from '../api/client.ts';
import type { ModelCard } from '../api/types.ts';
import { useStored } from './stored.ts';

/** While a model loads the page asks again this often. */
const RETRY_MS = 2000;

export type Server = {
  readonly model: ModelCard | null;
  readonly apiKey: string;
  setApiKey(key: string): void;
  /** What to tell the user; null while all is well. */
  readonly problem: string | null;
  /** Why the key dialog is open; null while it is closed. */
  readonly keyReason: 'asked' | 'refused' | 'changing' | null;
  openKeyDialog(reason: 'refused' | 'changing'): void;
  closeKeyDialog(): void;
  connect(): void;
};

export function useServer(): Server {
  const [apiKey, setApiKey] = useStored('etap.apiKey', '', sessionStorage);
  const [model, setModel] = useState<ModelCard | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [keyReason, setKeyReason] = useState<Server['keyReason']>(null);
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    let retry = 0;
    let stale = false;
    const fail = (error: unknown) => {
      if (stale) return;
      const refused = error instanceof ApiError && error.status === 401;
      if (refused) setKeyReason(apiKey === '' ? 'asked' : 'refused');
      setProblem(refused ? null : problemOf(error));
      if (!refused) retry = window.setTimeout(() => setAttempt(attempt + 1), RETRY_MS);
    };
    fetchModels(apiKey).then(([card]) => {
      if (stale) return;
      setModel(card ?? null);
      setProblem(null);
      setKeyReason(null);
    }, fail);
    return () => {
      stale = true;
      clearTimeout(retry);
    };
  }, [apiKey, attempt]);

  return {
    model,
    apiKey,
    setApiKey,
    problem,
    keyReason,
    openKeyDialog: useCallback((reason) => setKeyReason(reason), []),
    closeKeyDialog: useCallback(() => setKeyReason(null), []),
    connect: () => setAttempt(attempt + 1),
  };
}

function problemOf(error: unknown): string {
  if (error instanceof ApiError && error.status === 503) {
    return 'The model is not ready yet. This page goes on by itself when it is.';
  }
  if (error instanceof ApiError) return error.message;
  return 'The server cannot be reached. Is it still running?';
}
