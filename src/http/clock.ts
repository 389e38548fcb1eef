/** Time as the HTTP side sees it; tests put their own clock in its place. */

export type Timer = { cancel(): void };

export type Clock = {
  /** Milliseconds that only grow. */
  now(): number;
  /** Seconds since 1970, as in `created` fields. */
  unixSeconds(): number;
  /** Calls back every `periodMs` until cancelled; does not keep the process alive. */
  every(periodMs: number, callback: () => void): Timer;
  /** Calls back once the current burst of events has been handled. */
  defer(callback: () => void): void;
};

export const systemClock: Clock = {
  now: () => performance.now(),
  unixSeconds: () => Math.floor(Date.now() / 1000),
  every: (periodMs, callback) => {
    const handle = setInterval(callback, periodMs);
    handle.unref();
    return { cancel: () => clearInterval(handle) };
  },
  defer: (callback) => {
    setImmediate(callback);
  },
};
