/** The sequences that have not ended yet: takes step messages apart and ends each exactly once. */
import type { ErrorCode } from '../errors.ts';
import type { GenerateCommand, SequenceListener } from './engine-client.ts';
import type { EngineMessage, FinishReason, FinishRecord, SequenceStart } from './messages.ts';

export type StepMessage = Extract<EngineMessage, { kind: 'step' }>;

type OpenSequence = {
  readonly listener: SequenceListener;
  readonly promptTokenCount: number;
  readonly addedMs: number;
  completionTokenCount: number;
  firstTokenMs: number | null;
  start: SequenceStart | null;
};

export type EarlyEnd = {
  readonly reason: Extract<FinishReason, 'abort' | 'error'>;
  readonly code: ErrorCode | null;
  readonly message: string | null;
};

export class OpenSequences {
  readonly #open = new Map<number, OpenSequence>();
  readonly #now: () => number;
  readonly #onListenerError: (error: unknown) => void;

  /** @param now milliseconds that only grow */
  constructor(now: () => number, onListenerError: (error: unknown) => void) {
    this.#now = now;
    this.#onListenerError = onListenerError;
  }

  get size(): number {
    return this.#open.size;
  }

  add(id: number, command: GenerateCommand, listener: SequenceListener): void {
    this.#open.set(id, {
      listener,
      promptTokenCount: command.promptTokens.length,
      addedMs: this.#now(),
      completionTokenCount: 0,
      firstTokenMs: null,
      start: null,
    });
  }

  has(id: number): boolean {
    return this.#open.has(id);
  }

  /** Hands on what a step brought; what belongs to ended sequences is dropped. */
  dispatch(step: StepMessage): void {
    for (const start of step.starts) {
      const sequence = this.#open.get(start.id);
      if (sequence !== undefined) sequence.start = start;
    }
    for (const { id, tokens } of step.promptLogprobs) {
      const sequence = this.#open.get(id);
      if (sequence !== undefined) this.#tell(() => sequence.listener.onPromptLogprobs(tokens));
    }
    this.#dispatchTokens(step);
    for (const finish of step.finishes) this.#finish(finish);
  }

  /** Ends one sequence from this side. */
  end(id: number, end: EarlyEnd): void {
    const sequence = this.#open.get(id);
    if (sequence !== undefined) this.#finish(this.#earlyFinish(id, sequence, end));
  }

  endAll(end: EarlyEnd): void {
    for (const id of [...this.#open.keys()]) this.end(id, end);
  }

  #dispatchTokens({ tokens, logprobs }: StepMessage): void {
    let nextLogprobs = 0;
    for (let index = 0; index + 1 < tokens.length; index += 2) {
      const id = tokens[index] ?? 0;
      const tokenId = tokens[index + 1] ?? 0;
      const candidate = logprobs[nextLogprobs];
      const own = candidate?.id === id ? candidate : null;
      if (own !== null) nextLogprobs++;
      const sequence = this.#open.get(id);
      if (sequence === undefined) continue;
      sequence.completionTokenCount++;
      sequence.firstTokenMs ??= this.#now() - sequence.addedMs;
      try {
        sequence.listener.onToken(tokenId, own);
      } catch (error) {
        this.#onListenerError(error);
      }
    }
  }

  #finish(finish: FinishRecord): void {
    const sequence = this.#open.get(finish.id);
    if (sequence === undefined) return;
    this.#open.delete(finish.id);
    this.#tell(() => sequence.listener.onFinish(finish));
  }

  /** One listener that throws must not cost the others their events. */
  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#onListenerError(error);
    }
  }

  #earlyFinish(id: number, sequence: OpenSequence, end: EarlyEnd): FinishRecord {
    const totalMs = this.#now() - sequence.addedMs;
    return {
      id,
      reason: end.reason,
      stopTokenId: null,
      errorCode: end.code,
      errorMessage: end.message,
      promptTokenCount: sequence.promptTokenCount,
      cachedTokenCount: sequence.start?.cachedTokenCount ?? 0,
      completionTokenCount: sequence.completionTokenCount,
      preemptionCount: 0,
      queuedMs: sequence.start?.queuedMs ?? totalMs,
      firstTokenMs: sequence.firstTokenMs ?? totalMs,
      totalMs,
    };
  }
}
