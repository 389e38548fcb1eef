/** The executor that runs a model through etap.node, on the addon's own engine thread. */
import { ERROR_TABLE, type ErrorCode, EtapError } from '../errors.ts';
import { loadAddon } from './addon.ts';
import type {
  Addon,
  AddonEngine,
  AddonError,
  AddonOpened,
  AddonOptions,
  ArenaExtent,
} from './addon-types.ts';
import type { Executor, ExecutorInfo, SlotParams } from './executor.ts';
import {
  BLOCK_SIZE,
  DELTA_FIELDS,
  PROFILE_FIELDS,
  SEQUENCE_FIELDS,
  type StepBatch,
  type StepResult,
  TOP_LOGPROBS_MAX,
} from './step-batch.ts';

/** How to open a model; 'auto' leaves the choice to the machine. */
export type NativeExecutorOptions = {
  readonly modelDir: string;
  readonly backend: 'auto' | 'cpu' | 'cuda' | 'reference';
  readonly isa: string;
  readonly threads: number | 'auto';
  readonly tensorParallelSize: number;
  readonly kvMemoryBytes: number | 'auto';
  readonly maxModelLen: number | 'auto';
  readonly maxSequences: number | 'auto';
  readonly stepTokenCapacity: number | 'auto';
  readonly strict: boolean | 'auto';
};

/** Instruction sets of the CPU backend that this machine runs, best first. Throws ETAP_ERR_ADDON. */
export function cpuFeatures(): readonly string[] {
  return loadAddon().cpuFeatures();
}

export type LoadListener = (stage: string, doneBytes: number, totalBytes: number) => void;

type Waiter<T> = { resolve(value: T): void; reject(error: EtapError): void };

export class NativeExecutor implements Executor {
  readonly info: ExecutorInfo;
  readonly batch: StepBatch;
  readonly #result: { -readonly [Key in keyof StepResult]: StepResult[Key] };
  readonly #engine: AddonEngine;
  readonly #events: EngineEvents;
  #stepCount = 0;

  private constructor(engine: AddonEngine, opened: AddonOpened, events: EngineEvents) {
    checkTwin(opened);
    this.info = opened.info;
    this.#engine = engine;
    this.#events = events;
    const [batch, result] = arenaViews(opened);
    this.batch = batch;
    this.#result = result;
  }

  /**
   * Loads the model on the engine thread. Rejects with EtapError ETAP_ERR_ADDON, ETAP_ERR_CHECKPOINT,
   * ETAP_ERR_MODEL_CONFIG, ETAP_ERR_TENSOR, ETAP_ERR_OUT_OF_MEMORY, ETAP_ERR_CONFIG,
   * ETAP_ERR_CUDA_NOT_BUILT, ETAP_ERR_CUDA_LIBRARY or ETAP_ERR_CUDA_UNAVAILABLE.
   */
  static async open(
    options: NativeExecutorOptions,
    onProgress: LoadListener = () => {},
    addon: Addon = loadAddon(),
  ): Promise<NativeExecutor> {
    const events = new EngineEvents(onProgress);
    const engine = coded(() => new addon.Engine(addonOptions(options), events));
    const opened = await events.opened;
    try {
      return new NativeExecutor(engine, opened, events);
    } catch (error) {
      engine.close();
      await events.closed;
      throw error;
    }
  }

  admit(slot: number, params: SlotParams): void {
    coded(() => this.#engine.admit(slot, params));
  }

  release(slot: number): void {
    coded(() => this.#engine.release(slot));
  }

  async execute(): Promise<StepResult> {
    const { sequenceCount, tokenCount, deltaCount } = this.batch;
    const sequence = ++this.#stepCount;
    coded(() => this.#engine.submit(sequence, sequenceCount, tokenCount, deltaCount));
    this.#result.stepMicros = await this.#events.step(sequence);
    return this.#result;
  }

  async close(): Promise<void> {
    this.#engine.close();
    await this.#events.closed;
  }
}

/** Turns what the addon calls into promises. */
class EngineEvents {
  readonly opened: Promise<AddonOpened>;
  readonly closed: Promise<void>;
  readonly #onProgress: LoadListener;
  #open: Waiter<AddonOpened> | undefined;
  #close: (() => void) | undefined;
  #step: (Waiter<number> & { readonly sequence: number }) | undefined;

  constructor(onProgress: LoadListener) {
    this.#onProgress = onProgress;
    this.opened = new Promise((resolve, reject) => {
      this.#open = { resolve, reject };
    });
    this.closed = new Promise((resolve) => {
      this.#close = resolve;
    });
  }

  /** Resolves to the microseconds of step `sequence`. */
  step(sequence: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#step = { sequence, resolve, reject };
    });
  }

  onProgress(stage: string, doneBytes: number, totalBytes: number): void {
    this.#onProgress(stage, doneBytes, totalBytes);
  }

  onOpened(opened: AddonOpened): void {
    this.#open?.resolve(opened);
  }

  onFailed(error: AddonError): void {
    this.#open?.reject(toEtapError(error));
  }

  onStep(sequence: number, micros: number, error: AddonError | null): void {
    const step = this.#step;
    this.#step = undefined;
    if (step === undefined || step.sequence !== sequence) {
      throw new EtapError('ETAP_ERR_INTERNAL', `step ${sequence} ended, but nobody waits for it`);
    }
    if (error === null) step.resolve(micros);
    else step.reject(toEtapError(error));
  }

  onClosed(): void {
    this.#close?.();
  }
}

function addonOptions(options: NativeExecutorOptions): AddonOptions {
  const orZero = (value: number | 'auto') => (value === 'auto' ? 0 : value);
  return {
    modelFolder: options.modelDir,
    backend: options.backend,
    isa: options.isa === 'auto' ? '' : options.isa,
    threadCount: orZero(options.threads),
    tensorParallelSize: options.tensorParallelSize,
    kvMemoryBytes: orZero(options.kvMemoryBytes),
    maxModelLen: orZero(options.maxModelLen),
    slotCount: orZero(options.maxSequences),
    stepTokenCapacity: orZero(options.stepTokenCapacity),
    strict: options.strict === 'auto' ? null : options.strict,
  };
}

/** The arena's layout is the addon's; that both sides mean the same by it is checked here. */
function checkTwin(opened: AddonOpened): void {
  const ours = { BLOCK_SIZE, TOP_LOGPROBS_MAX, SEQUENCE_FIELDS, DELTA_FIELDS, PROFILE_FIELDS };
  const theirs = {
    BLOCK_SIZE: opened.blockSize,
    TOP_LOGPROBS_MAX: opened.topLogprobsMax,
    SEQUENCE_FIELDS: opened.sequenceFields,
    DELTA_FIELDS: opened.deltaFields,
    PROFILE_FIELDS: opened.profileFields,
  };
  for (const name of Object.keys(ours) as (keyof typeof ours)[]) {
    if (ours[name] !== theirs[name]) {
      throw new EtapError(
        'ETAP_ERR_ADDON',
        `etap.node was built with ${name} ${theirs[name]}, this version has ${ours[name]}; ` +
          'run `npm run build`',
      );
    }
  }
}

function arenaViews(opened: AddonOpened): [StepBatch, StepResult] {
  const extent = (index: number): ArenaExtent => {
    const found = opened.extents[index];
    if (found === undefined) {
      throw new EtapError('ETAP_ERR_ADDON', `etap.node has no step array ${index}; rebuild it`);
    }
    return found;
  };
  const integers = (index: number) => new Int32Array(opened.arena, ...extent(index));
  const floats = (index: number) => new Float32Array(opened.arena, ...extent(index));
  return [
    {
      stepIndex: 0,
      sequenceCount: 0,
      tokenCount: 0,
      deltaCount: 0,
      sequences: integers(0),
      tokens: integers(1),
      blockDeltas: integers(2),
      masks: integers(3),
    },
    {
      tokens: integers(4),
      finite: integers(5),
      logprobs: floats(6),
      topIds: integers(7),
      topLogprobs: floats(8),
      promptLogprobs: floats(9),
      promptTopIds: integers(10),
      promptTopLogprobs: floats(11),
      profile: floats(12),
      stepMicros: 0,
    },
  ];
}

function coded<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw toEtapError(error);
  }
}

function toEtapError(error: unknown): EtapError {
  if (error instanceof EtapError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const known = typeof code === 'string' && Object.hasOwn(ERROR_TABLE, code);
  return new EtapError(known ? (code as ErrorCode) : 'ETAP_ERR_INTERNAL', message);
}
