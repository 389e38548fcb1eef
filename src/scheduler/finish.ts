/** Why a sequence ends, and the record of its end. */
import type { ErrorCode } from '../errors.ts';
import type { Sequence } from './sequence.ts';
import type { Finish, FinishReason } from './step-plan.ts';

export type Ending = {
  readonly reason: FinishReason;
  readonly stopTokenId?: number;
  readonly error?: { readonly code: ErrorCode; readonly message: string };
};

/** How the token just appended to a sequence ends it, or null. */
export function endingAfterToken(sequence: Sequence, token: number): Ending | null {
  const { spec, completionTokenCount } = sequence;
  if (completionTokenCount > spec.minTokens && spec.stopTokenIds.includes(token)) {
    return { reason: 'stop', stopTokenId: token };
  }
  const full = completionTokenCount >= spec.maxTokens || sequence.tokenCount >= sequence.tokensMax;
  return full ? { reason: 'length' } : null;
}

export function finishRecord(sequence: Sequence, ending: Ending, nowMs: number): Finish {
  const since = (ms: number) => (ms < 0 ? nowMs : ms) - sequence.arrivalMs;
  return {
    id: sequence.id,
    reason: ending.reason,
    stopTokenId: ending.stopTokenId ?? null,
    errorCode: ending.error?.code ?? null,
    errorMessage: ending.error?.message ?? null,
    promptTokenCount: sequence.promptTokenCount,
    cachedTokenCount: sequence.cachedTokenCount,
    completionTokenCount: sequence.completionTokenCount,
    preemptionCount: sequence.preemptionCount,
    queuedMs: since(sequence.firstScheduledMs),
    firstTokenMs: since(sequence.firstTokenMs),
    totalMs: since(nowMs),
  };
}
