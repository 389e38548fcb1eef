/** Why a request was slow: the longest phase of its longest sequence. */
import type { FinishRecord } from '../engine/index.ts';

export type SlowReason = {
  /** `preempted` stands above the phases: blocks were taken back and tokens computed again. */
  readonly reason: 'queue' | 'prefill' | 'decode' | 'preempted' | 'unfinished';
  readonly queueMs: number;
  readonly prefillMs: number;
  readonly decodeMs: number;
  readonly preemptions: number;
};

/** `unfinished` where no sequence came to its end by itself. */
export function slowReason(finishes: readonly FinishRecord[]): SlowReason {
  const [slowest] = finishes.toSorted((a, b) => b.totalMs - a.totalMs);
  if (slowest === undefined) {
    return { reason: 'unfinished', queueMs: 0, prefillMs: 0, decodeMs: 0, preemptions: 0 };
  }
  const { queuedMs, firstTokenMs, totalMs, preemptionCount } = slowest;
  const phases = {
    queue: queuedMs,
    prefill: Math.max(0, firstTokenMs - queuedMs),
    decode: Math.max(0, totalMs - firstTokenMs),
  };
  const longest = (['queue', 'prefill', 'decode'] as const).reduce((best, phase) =>
    phases[phase] > phases[best] ? phase : best,
  );
  return {
    reason: preemptionCount > 0 ? 'preempted' : longest,
    queueMs: phases.queue,
    prefillMs: phases.prefill,
    decodeMs: phases.decode,
    preemptions: preemptionCount,
  };
}
