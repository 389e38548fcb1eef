/** Stops the server without losing a request: unready, serve on, refuse, wait, end, close. */
import type { DrainConfig } from './config/index.ts';

/** What is stopped. */
export type DrainParts = {
  /** Readiness is gone, so that routers look elsewhere; requests are still served. */
  readonly begin: () => void;
  /** New requests are refused. */
  readonly refuseRequests: () => void;
  readonly openRequestCount: () => number;
  /** Ends what is still open with an error event, and the engine process. */
  readonly closeEngine: () => Promise<void>;
  /** Resolves when every response is written. */
  readonly closeServer: () => Promise<void>;
};

export type DrainOptions = DrainConfig & {
  /** Someone waits at a terminal and no router has to notice: skip the delay. */
  readonly skipDelay: boolean;
  readonly log: (line: string) => void;
};

/** Looks this often whether the open requests have finished. */
const LOOK_MS = 20;

/** Resolves when everything is closed. */
export async function drain(parts: DrainParts, options: DrainOptions): Promise<void> {
  const { delayMs, timeoutMs, skipDelay, log } = options;
  parts.begin();
  if (!skipDelay && delayMs > 0) {
    log(`stopping  not ready any more; serving for another ${delayMs} ms (drain.delayMs)`);
    await pause(delayMs);
  }
  parts.refuseRequests();
  const deadlineMs = performance.now() + timeoutMs;
  if (parts.openRequestCount() > 0) {
    log(`stopping  ${parts.openRequestCount()} requests have up to ${timeoutMs} ms to finish`);
  }
  while (parts.openRequestCount() > 0 && performance.now() < deadlineMs) await pause(LOOK_MS);
  if (parts.openRequestCount() > 0) {
    log(`stopping  ${parts.openRequestCount()} requests did not finish in time and are ended`);
  }
  await parts.closeEngine();
  await parts.closeServer();
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
