/** EngineClient over an engine process: ids, one message of commands a tick, queue limit, events. */
import type { Config } from '../config/index.ts';
import { type ErrorCode, EtapError } from '../errors.ts';
import { CANARY_ID } from './canary.ts';
import type {
  EngineClient,
  EngineState,
  GenerateCommand,
  Heartbeat,
  LoadProgress,
  SequenceListener,
} from './engine-client.ts';
import type { SpawnEngine } from './engine-process.ts';
import { type LiveListener, LiveWatchers } from './live-watchers.ts';
import type { AddCommand, EngineInfo, EngineStats, ParentMessage } from './messages.ts';
import { OpenSequences, type StepMessage } from './open-sequences.ts';
import { Supervisor } from './supervisor.ts';

export type EngineOptions = {
  readonly spawn: SpawnEngine;
  /** A listener threw: a programming error that must not cost other sequences their events. */
  readonly onListenerError: (error: unknown) => void;
};

type ReadyWaiter = {
  readonly resolve: (info: EngineInfo) => void;
  readonly reject: (error: EtapError) => void;
};

export class SupervisedEngine implements EngineClient {
  readonly #config: Config;
  readonly #supervisor: Supervisor;
  readonly #sequences: OpenSequences;
  readonly #stateListeners: ((state: EngineState, reason: ErrorCode | null) => void)[] = [];
  readonly #stepListeners: ((stats: EngineStats) => void)[] = [];
  readonly #heartbeatListeners: ((heartbeat: Heartbeat) => void)[] = [];
  readonly #progressListeners: ((progress: LoadProgress) => void)[] = [];
  readonly #watchers = new LiveWatchers((message) => this.#supervisor.send(message));
  #waiters: ReadyWaiter[] = [];
  #idleWaiters: (() => void)[] = [];
  #adds: AddCommand[] = [];
  #aborts: number[] = [];
  #flushScheduled = false;
  #nextId = CANARY_ID + 1;
  #stats: EngineStats | null = null;
  #lastError: EtapError | null = null;
  #closed: Promise<void> | null = null;
  #isClosing = false;

  constructor(config: Config, { spawn, onListenerError }: EngineOptions) {
    this.#config = config;
    this.#sequences = new OpenSequences(() => performance.now(), onListenerError);
    this.#supervisor = new Supervisor(config, spawn, {
      onState: (state, error) => this.#stateChanged(state, error),
      onProgress: (progress) => {
        for (const listener of this.#progressListeners) listener(progress);
      },
      onStep: (step) => this.#stepped(step),
      onLive: (picture) => this.#watchers.show(picture),
      onHeartbeat: (heartbeat) => {
        for (const listener of this.#heartbeatListeners) listener(heartbeat);
      },
      onLost: (error) => this.#lost(error),
    });
  }

  /** Starts the engine process; call once. */
  start(): this {
    this.#supervisor.start();
    return this;
  }

  get state(): EngineState {
    return this.#supervisor.state;
  }

  get info(): EngineInfo | null {
    return this.#supervisor.info;
  }

  get stats(): EngineStats | null {
    return this.#stats;
  }

  get restartCount(): number {
    return this.#supervisor.restartCount;
  }

  /** Process id of the engine process; null while there is none. */
  get pid(): number | null {
    return this.#supervisor.pid;
  }

  /** Why the engine is restarting or failed. */
  get lastError(): EtapError | null {
    return this.#lastError;
  }

  generate(command: GenerateCommand, listener: SequenceListener): number {
    this.#checkAccepts();
    const id = this.#nextId++;
    this.#sequences.add(id, command, listener);
    this.#adds.push({ ...command, id });
    this.#scheduleFlush();
    return id;
  }

  abort(id: number): void {
    if (!this.#sequences.has(id)) return;
    const unsent = this.#adds.findIndex((add) => add.id === id);
    if (unsent >= 0) {
      this.#adds.splice(unsent, 1);
    } else {
      this.#aborts.push(id);
      this.#scheduleFlush();
    }
    this.#sequences.end(id, { reason: 'abort', code: null, message: null });
    this.#checkIdle();
  }

  flushPrefixCache(): void {
    this.#supervisor.send({ kind: 'flushPrefixCache' });
  }

  ready(): Promise<EngineInfo> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#settleWaiters();
    });
  }

  /** Resolves when no sequence is open. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve);
      this.#checkIdle();
    });
  }

  onStateChange(listener: (state: EngineState, reason: ErrorCode | null) => void): void {
    this.#stateListeners.push(listener);
  }

  onStep(listener: (stats: EngineStats) => void): void {
    this.#stepListeners.push(listener);
  }

  onHeartbeat(listener: (heartbeat: Heartbeat) => void): void {
    this.#heartbeatListeners.push(listener);
  }

  onProgress(listener: (progress: LoadProgress) => void): void {
    this.#progressListeners.push(listener);
  }

  watch(listener: LiveListener): () => void {
    return this.#watchers.add(listener);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#isClosing = true;
    this.#adds = [];
    this.#aborts = [];
    this.#endAll(
      new EtapError('ETAP_ERR_SHUTTING_DOWN', 'the server is shutting down; retry on another one'),
    );
    await this.#supervisor.close();
  }

  #checkAccepts(): void {
    const { state } = this;
    if (this.#isClosing) {
      throw new EtapError('ETAP_ERR_SHUTTING_DOWN', 'the server is shutting down');
    }
    if (state !== 'ready') {
      const message = `the engine is not ready (${state}); try again shortly`;
      throw new EtapError('ETAP_ERR_ENGINE_NOT_READY', message);
    }
    const { queueLength } = this.#config.limits;
    if (this.#sequences.size >= queueLength) {
      const message = `${this.#sequences.size} sequences are open, limits.queueLength allows ${queueLength}; try again later`;
      throw new EtapError('ETAP_ERR_QUEUE_FULL', message);
    }
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#adds.length === 0 && this.#aborts.length === 0) return;
    const message: ParentMessage = {
      kind: 'commands',
      adds: this.#adds,
      aborts: Int32Array.from(this.#aborts),
    };
    this.#adds = [];
    this.#aborts = [];
    this.#supervisor.send(message);
  }

  #stepped(step: StepMessage): void {
    this.#stats = step.stats;
    this.#sequences.dispatch(step);
    for (const listener of this.#stepListeners) listener(step.stats);
    this.#checkIdle();
  }

  #lost(error: EtapError): void {
    this.#stats = null;
    this.#adds = [];
    this.#aborts = [];
    this.#endAll(new EtapError('ETAP_ERR_ENGINE_LOST', error.message));
  }

  #endAll(error: EtapError): void {
    this.#sequences.endAll({ reason: 'error', code: error.code, message: error.message });
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.#sequences.size > 0 || this.#idleWaiters.length === 0) return;
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const resolve of waiters) resolve();
  }

  #stateChanged(state: EngineState, error: EtapError | null): void {
    this.#lastError = error;
    if (state === 'ready') this.#watchers.resume();
    for (const listener of this.#stateListeners) listener(state, error?.code ?? null);
    this.#settleWaiters();
  }

  #settleWaiters(): void {
    const { state, info } = this;
    if (state === 'loading' || state === 'restarting') return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { resolve, reject } of waiters) {
      if (state === 'ready' && info !== null) resolve(info);
      else reject(this.#lastError ?? new EtapError('ETAP_ERR_SHUTTING_DOWN', 'the engine stopped'));
    }
  }
}
