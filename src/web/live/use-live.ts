/** Follows the live feed while the page is shown; comes back by itself when it breaks off. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, streamLive } from '../api/client.ts';
import type { Server } from '../shell/use-server.ts';
import { EMPTY_LIVE, type LiveState, withFrame, withTick } from './live-state.ts';

const RECONNECT_MS = 1500;
/** An idle engine sends nothing: the time axis moves on by itself. */
const TICK_MS = 500;

export type Live = { readonly state: LiveState; readonly problem: string | null };

export function useLive({ apiKey, openKeyDialog }: Server): Live {
  const [state, setState] = useState<LiveState>(EMPTY_LIVE);
  const [problem, setProblem] = useState<string | null>(null);
  const [attempt, setAttempt] = useState(0);
  const lastFrameMs = useRef(0);

  useEffect(() => {
    const leaving = new AbortController();
    let retry = 0;
    const follow = async () => {
      for await (const frame of streamLive({ apiKey, signal: leaving.signal })) {
        lastFrameMs.current = performance.now();
        setProblem(null);
        setState((before) => withFrame(before, frame, lastFrameMs.current));
      }
    };
    const comeBack = (error: unknown) => {
      if (leaving.signal.aborted) return;
      if (error instanceof ApiError && error.status === 401) {
        openKeyDialog('refused');
        setProblem('The live feed needs a key.');
        return;
      }
      setProblem(error instanceof ApiError ? error.message : 'The live feed broke off.');
      retry = window.setTimeout(() => setAttempt(attempt + 1), RECONNECT_MS);
    };
    follow().then(() => comeBack(null), comeBack);
    return () => {
      clearTimeout(retry);
      leaving.abort();
    };
  }, [apiKey, openKeyDialog, attempt]);

  useEffect(() => {
    const tick = setInterval(() => {
      const nowMs = performance.now();
      if (nowMs - lastFrameMs.current < TICK_MS) return;
      setState((before) => withTick(before, nowMs));
    }, TICK_MS);
    return () => clearInterval(tick);
  }, []);

  return { state, problem };
}
