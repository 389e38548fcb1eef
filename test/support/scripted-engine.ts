/** An engine whose every token is said by the test, or by a script that answers each sequence. */
import type {
  EngineClient,
  EngineInfo,
  EngineState,
  EngineStats,
  FinishRecord,
  GenerateCommand,
  LivePicture,
  SequenceListener,
  TokenLogprobs,
} from '../../src/engine/index.ts';
import { EtapError } from '../../src/errors.ts';

export type ScriptedSequence = {
  readonly id: number;
  readonly command: GenerateCommand;
  readonly listener: SequenceListener;
  emittedCount: number;
  open: boolean;
};

/** Completion tokens of a sequence; the engine cuts them at stop tokens and at the limit. */
export type Script = (command: GenerateCommand) => readonly number[];

export const ENGINE_INFO: EngineInfo = {
  backend: 'scripted',
  isa: 'none',
  dtype: 'none',
  layerCount: 1,
  vocabSize: 4096,
  maxModelLen: 2048,
  blockSize: 64,
  blockCount: 32,
  slotCount: 2048,
  kvBytesPerToken: 1152,
  weightBytes: 0,
  threadCount: 1,
  tensorParallelSize: 1,
  loadMs: 0,
};

export class ScriptedEngine implements EngineClient {
  state: EngineState = 'ready';
  info: EngineInfo | null = ENGINE_INFO;
  stats: EngineStats | null = null;
  restartCount = 0;
  /** Sequences that `generate` takes before it says that the queue is full. */
  capacity = Number.POSITIVE_INFINITY;
  /** Null: the test says every token itself. */
  script: Script | null;
  /** Prompt tokens that each finish reports as cached. */
  cachedTokenCount = 0;
  readonly sequences: ScriptedSequence[] = [];
  readonly abortedIds: number[] = [];
  flushCount = 0;
  readonly watchers = new Set<(picture: LivePicture) => void>();
  #stepping = false;

  constructor(script: Script | null = null) {
    this.script = script;
  }

  get openCount(): number {
    return this.sequences.filter(({ open }) => open).length;
  }

  /** The sequence that was started last. */
  get last(): ScriptedSequence {
    const last = this.sequences.at(-1);
    if (last === undefined) throw new Error('no sequence was started');
    return last;
  }

  generate(command: GenerateCommand, listener: SequenceListener): number {
    if (this.state !== 'ready') throw new EtapError('ETAP_ERR_ENGINE_NOT_READY', 'not ready');
    if (this.openCount >= this.capacity) throw new EtapError('ETAP_ERR_QUEUE_FULL', 'queue full');
    const id = this.sequences.length;
    this.sequences.push({ id, command, listener, emittedCount: 0, open: true });
    if (this.script !== null && !this.#stepping) {
      this.#stepping = true;
      setImmediate(() => this.#step());
    }
    return id;
  }

  abort(id: number): void {
    const sequence = this.sequences[id];
    if (!sequence?.open) return;
    this.abortedIds.push(id);
    this.finish(sequence, { reason: 'abort' });
  }

  emit(sequence: ScriptedSequence, ...tokens: readonly number[]): void {
    for (const token of tokens) {
      if (!sequence.open) return;
      const { topLogprobs, promptLogprobs } = sequence.command.sampling;
      if (sequence.emittedCount === 0 && promptLogprobs !== null) {
        const [, ...rest] = sequence.command.promptTokens;
        sequence.listener.onPromptLogprobs(rest.map((id) => fakeLogprobs(id, promptLogprobs)));
      }
      sequence.emittedCount++;
      const logprobs = topLogprobs === null ? null : fakeLogprobs(token, topLogprobs);
      sequence.listener.onToken(token, logprobs);
    }
  }

  finish(sequence: ScriptedSequence, finish: Partial<FinishRecord>): void {
    if (!sequence.open) return;
    sequence.open = false;
    sequence.listener.onFinish({
      id: sequence.id,
      reason: 'length',
      stopTokenId: null,
      errorCode: null,
      errorMessage: null,
      promptTokenCount: sequence.command.promptTokens.length,
      cachedTokenCount: this.cachedTokenCount,
      completionTokenCount: sequence.emittedCount + (finish.stopTokenId == null ? 0 : 1),
      preemptionCount: 0,
      queuedMs: 0,
      firstTokenMs: 0,
      totalMs: 0,
      ...finish,
    });
  }

  /** The engine process is gone: every open sequence ends with an error. */
  lose(): void {
    this.state = 'restarting';
    for (const sequence of this.sequences) {
      this.finish(sequence, {
        reason: 'error',
        errorCode: 'ETAP_ERR_ENGINE_LOST',
        errorMessage: 'the engine process was lost',
      });
    }
  }

  /** One token for each open sequence, as a step of the real engine gives them. */
  #step(): void {
    for (const sequence of this.sequences) if (sequence.open) this.#advance(sequence);
    this.#stepping = this.openCount > 0;
    if (this.#stepping) setImmediate(() => this.#step());
  }

  #advance(sequence: ScriptedSequence): void {
    const { stopTokenIds, maxTokens, minTokens } = sequence.command;
    const token = this.script?.(sequence.command)[sequence.emittedCount];
    if (token === undefined) {
      this.finish(sequence, { reason: 'length' });
    } else if (stopTokenIds.includes(token) && sequence.emittedCount >= minTokens) {
      this.finish(sequence, { reason: 'stop', stopTokenId: token });
    } else {
      this.emit(sequence, token);
      if (sequence.emittedCount >= maxTokens) this.finish(sequence, { reason: 'length' });
    }
  }

  flushPrefixCache(): void {
    this.flushCount++;
  }

  watch(listener: (picture: LivePicture) => void): () => void {
    this.watchers.add(listener);
    return () => {
      this.watchers.delete(listener);
    };
  }

  async ready(): Promise<EngineInfo> {
    return ENGINE_INFO;
  }

  onStateChange(): void {}
  onStep(): void {}
  onProgress(): void {}

  async close(): Promise<void> {
    this.state = 'stopped';
  }
}

/** Log-probabilities that depend on the token alone. */
function fakeLogprobs(token: number, topCount: number): TokenLogprobs {
  return {
    id: token,
    logprob: -0.5,
    topIds: Int32Array.from({ length: topCount }, (_, rank) => token + rank),
    topLogprobs: Float32Array.from({ length: topCount }, (_, rank) => -0.5 - rank),
  };
}
