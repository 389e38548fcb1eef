/**
 * Keeps one engine process running: starts it, proves it with a canary sequence, watches it, ends
 * it when it hangs, and starts it again within a limit. Knows nothing of the open sequences.
 */
import type { Config } from '../config/index.ts';
import { ERROR_TABLE, type ErrorCode, EtapError } from '../errors.ts';
import { CANARY_ID, canaryCommand } from './canary.ts';
import type { EngineState, Heartbeat, LoadProgress } from './engine-client.ts';
import type { EngineProcess, SpawnEngine } from './engine-process.ts';
import { LivenessWatch } from './liveness-watch.ts';
import type { EngineInfo, EngineMessage, LivePicture, ParentMessage } from './messages.ts';
import type { StepMessage } from './open-sequences.ts';
import { RestartBudget } from './restart-budget.ts';

/** After `shutdown` the engine process has this long to end by itself, and again after a kill. */
const SHUTDOWN_WAIT_MS = 2000;

export type SupervisorEvents = {
  /** `error` says why the state is `restarting` or `failed`, else it is null. */
  onState(state: EngineState, error: EtapError | null): void;
  onProgress(progress: LoadProgress): void;
  onStep(step: StepMessage): void;
  onLive(picture: LivePicture): void;
  onHeartbeat(heartbeat: Heartbeat): void;
  /** The engine process is gone or given up: nothing more comes from it. */
  onLost(error: EtapError): void;
};

export class Supervisor {
  readonly #config: Config;
  readonly #spawn: SpawnEngine;
  readonly #events: SupervisorEvents;
  readonly #budget: RestartBudget;
  #state: EngineState = 'loading';
  #info: EngineInfo | null = null;
  #process: EngineProcess | null = null;
  /** False once a process is given up, although it may not be gone yet. */
  #listening = false;
  #wasReady = false;
  #pauseMs = 0;
  #watch: LivenessWatch | null = null;
  #timer: NodeJS.Timeout | undefined;
  #onGone: () => void = () => {};

  constructor(config: Config, spawn: SpawnEngine, events: SupervisorEvents) {
    this.#config = config;
    this.#spawn = spawn;
    this.#events = events;
    this.#budget = new RestartBudget(config.engine);
  }

  get state(): EngineState {
    return this.#state;
  }

  /** Null until the model was loaded once. */
  get info(): EngineInfo | null {
    return this.#info;
  }

  get restartCount(): number {
    return this.#budget.count;
  }

  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  start(): void {
    const { model, engine, limits } = this.#config;
    const child = this.#spawn({ model, engine, limits });
    this.#process = child;
    this.#listening = true;
    child.onMessage((message) => {
      if (child === this.#process && this.#listening) this.#receive(message);
    });
    child.onExit((reason) => this.#gone(reason));
    this.#timer = setTimeout(() => {
      const message = `the model was not ready within engine.loadTimeoutMs (${engine.loadTimeoutMs} ms)`;
      this.#giveUp(new EtapError('ETAP_ERR_ENGINE_LOST', message));
    }, engine.loadTimeoutMs);
  }

  send(message: ParentMessage): void {
    if (this.#listening) this.#process?.send(message);
  }

  /** Ends the engine process for good; resolves when it is gone. */
  async close(): Promise<void> {
    this.#stopTimers();
    this.send({ kind: 'shutdown' });
    this.#listening = false;
    this.#setState('stopped', null);
    if (this.#process === null) return;
    const child = this.#process;
    await new Promise<void>((resolve) => {
      const kill = setTimeout(() => child.kill(), SHUTDOWN_WAIT_MS);
      const giveUp = setTimeout(() => this.#onGone(), 2 * SHUTDOWN_WAIT_MS);
      this.#onGone = () => {
        clearTimeout(kill);
        clearTimeout(giveUp);
        resolve();
      };
    });
  }

  #receive(message: EngineMessage): void {
    this.#watch?.sawMessage();
    switch (message.kind) {
      case 'loading':
        this.#events.onProgress(message);
        break;
      case 'ready':
        this.#loaded(message.info);
        break;
      case 'step':
        this.#events.onStep(message);
        this.#checkCanary(message);
        break;
      case 'live':
        this.#events.onLive(message.picture);
        break;
      case 'heartbeat':
        this.#events.onHeartbeat(message);
        this.#watch?.sawHeartbeat(message.stepAgeMs, message.stepAllowedMs);
        break;
      case 'failed':
        this.#giveUp(new EtapError(knownCode(message.code), message.message));
        break;
    }
  }

  /** The model is loaded; it serves once a token went all the way through. */
  #loaded(info: EngineInfo): void {
    this.#info = info;
    this.#watch = new LivenessWatch(this.#config.engine, (reason) =>
      this.#giveUp(new EtapError('ETAP_ERR_ENGINE_LOST', `the engine process hung: ${reason}`)),
    );
    this.send({ kind: 'commands', adds: [canaryCommand()], aborts: new Int32Array() });
  }

  #checkCanary(step: StepMessage): void {
    const finish = step.finishes.find(({ id }) => id === CANARY_ID);
    if (finish === undefined) return;
    if (finish.reason === 'error') {
      const message = `the first step after the start failed: ${finish.errorMessage}`;
      this.#giveUp(new EtapError(knownCode(finish.errorCode), message));
      return;
    }
    clearTimeout(this.#timer);
    this.#wasReady = true;
    this.#setState('ready', null);
  }

  /** Ends a process that is of no use; the next one waits until its memory is free. */
  #giveUp(error: EtapError): void {
    this.#lose(error);
    this.#process?.kill();
  }

  #gone(reason: string): void {
    this.#process = null;
    if (this.#listening) {
      const message = `the engine process ended (${reason}); send the request again`;
      this.#lose(new EtapError('ETAP_ERR_ENGINE_LOST', message));
    }
    this.#onGone();
    if (this.#state === 'restarting') this.#timer = setTimeout(() => this.start(), this.#pauseMs);
  }

  /** A model that never was ready would fail again: only one that served is started again. */
  #lose(error: EtapError): void {
    this.#listening = false;
    this.#stopTimers();
    const pauseMs = this.#wasReady ? this.#budget.take(performance.now()) : null;
    this.#pauseMs = pauseMs ?? 0;
    this.#setState(pauseMs === null ? 'failed' : 'restarting', error);
    this.#events.onLost(error);
  }

  #setState(state: EngineState, error: EtapError | null): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#events.onState(state, error);
  }

  #stopTimers(): void {
    clearTimeout(this.#timer);
    this.#watch?.stop();
    this.#watch = null;
  }
}

/** Codes come over the process border as text. */
const knownCode = (code: string | null): ErrorCode =>
  code !== null && Object.hasOwn(ERROR_TABLE, code) ? (code as ErrorCode) : 'ETAP_ERR_ENGINE_LOST';
