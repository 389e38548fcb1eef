/** A clock that stands still until the test moves it. Deferred calls run as usual. */
import type { Clock, Timer } from '../../src/http/clock.ts';

export class FakeClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{
    readonly periodMs: number;
    dueMs: number;
    readonly call: () => void;
  }>();

  now(): number {
    return this.#nowMs;
  }

  unixSeconds(): number {
    return 1_700_000_000;
  }

  every(periodMs: number, call: () => void): Timer {
    const timer = { periodMs, dueMs: this.#nowMs + periodMs, call };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  defer(callback: () => void): void {
    setImmediate(callback);
  }

  get timerCount(): number {
    return this.#timers.size;
  }

  /** Moves time on and calls what falls due, in order. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const due = [...this.#timers]
        .filter(({ dueMs }) => dueMs <= endMs)
        .sort((a, b) => a.dueMs - b.dueMs)[0];
      if (due === undefined) break;
      this.#nowMs = due.dueMs;
      due.dueMs += due.periodMs;
      due.call();
    }
    this.#nowMs = endMs;
  }
}
