/**
 * The engine process: opens the executor, runs the loop, and carries messages between it and the
 * parent. Also the file that is forked; tests call `hostEngine` on an in-memory channel instead.
 */
import { randomInt } from 'node:crypto';
import { EtapError } from '../errors.ts';
import { BLOCK_SIZE, type Executor } from '../executor/index.ts';
import { GrammarWorkers, type StartGrammars, workerThread } from '../grammar-engine/index.ts';
import { LoopLag } from '../loop-lag.ts';
import { type SchedulerConfig, schedulerConfig } from '../scheduler/index.ts';
import { ENGINE_PROCESS_FLAG, type HostChannel, type HostConfig } from './engine-process.ts';
import { EngineLoop } from './loop.ts';
import type { EngineInfo, EngineMessage, ParentMessage } from './messages.ts';
import { openExecutor } from './open-executor.ts';

/**
 * Prefill tokens of a step are not cut below this, whatever they cost: few where a token is cheap
 * on its own, more where small batches leave the machine idle.
 */
const PREFILL_TOKENS_MIN = { cpu: 64, cuda: 256 } as const;
/** A grammar worker that owes an answer for so long is replaced; its start counts. */
const GRAMMAR_ANSWER_MS_MAX = 10_000;
const HASH_SEED_LIMIT = 2 ** 31;
/** The canary sequence comes on top of those that the parent's queue limit counts. */
const QUEUE_EXTRA = 1;
/** After its last message a failed process waits this long to be killed by the parent. */
const FAILED_WAIT_MS = 1000;

/**
 * Serves the channel until `shutdown`. When the model cannot be loaded it says so to the parent and
 * rejects with the EtapError.
 */
export async function hostEngine(channel: HostChannel, config: HostConfig): Promise<void> {
  const host = new EngineHost(channel, config);
  try {
    await host.run();
  } catch (error) {
    channel.send(failureMessage(error));
    throw error;
  }
}

class EngineHost {
  readonly #channel: HostChannel;
  readonly #config: HostConfig;
  readonly #shutdown: Promise<void>;
  #requestShutdown: () => void = () => {};
  readonly #loopLag = new LoopLag();
  #loop: EngineLoop | null = null;

  constructor(channel: HostChannel, config: HostConfig) {
    this.#channel = channel;
    this.#config = config;
    this.#shutdown = new Promise((resolve) => {
      this.#requestShutdown = resolve;
    });
    channel.onMessage((message) => this.#receive(message));
  }

  async run(): Promise<void> {
    const startedMs = performance.now();
    const executor = await openExecutor(this.#config, (stage, doneBytes, totalBytes) => {
      this.#channel.send({ kind: 'loading', stage, doneBytes, totalBytes });
    });
    const loop = this.#startLoop(executor);
    const heartbeat = setInterval(() => this.#sendHeartbeat(loop), this.#config.engine.heartbeatMs);
    const info = engineInfo(executor, performance.now() - startedMs);
    this.#channel.send({ kind: 'ready', info });
    await this.#shutdown;
    clearInterval(heartbeat);
    this.#loopLag.stop();
    await loop.stop();
    await executor.close();
  }

  #startLoop(executor: Executor): EngineLoop {
    const loop = new EngineLoop({
      executor,
      scheduler: schedulerSettings(this.#config, executor),
      stepDeadlineMs: this.#config.engine.stepDeadlineMs,
      now: () => performance.now(),
      emit: (message) => this.#channel.send(message),
      startGrammars: startGrammars(this.#config, executor),
    });
    this.#loop = loop;
    return loop;
  }

  /** Before the engine is ready the parent sends no commands. */
  #receive(message: ParentMessage): void {
    switch (message.kind) {
      case 'commands':
        for (const id of message.aborts) this.#loop?.abort(id);
        for (const command of message.adds) this.#loop?.add(command);
        break;
      case 'flushPrefixCache':
        this.#loop?.flushPrefixCache();
        break;
      case 'watch':
        this.#loop?.watch(message.on);
        break;
      case 'shutdown':
        this.#requestShutdown();
        break;
    }
  }

  /** Progress, not a bare tick: a step that hangs shows by its age. */
  #sendHeartbeat({ completedStepCount, stepAgeMs, stepAllowedMs }: EngineLoop): void {
    const step = { stepCount: completedStepCount, stepAgeMs, stepAllowedMs };
    this.#channel.send({ kind: 'heartbeat', ...step, loopLagMs: this.#loopLag.takeMs() });
  }
}

function schedulerSettings(config: HostConfig, executor: Executor): SchedulerConfig {
  const { engine, limits } = config;
  const { slotCount, maxModelLen, blockCount, stepTokenCapacity, backend } = executor.info;
  const prefillTokensMax = Math.min(engine.prefillChunkTokens, stepTokenCapacity);
  const prefillTokensMin = Math.min(
    PREFILL_TOKENS_MIN[backend === 'cuda' ? 'cuda' : 'cpu'],
    prefillTokensMax,
  );
  return schedulerConfig(
    { maxSequences: slotCount, maxModelLen, blockCount, stepTokenCapacity },
    {
      targetStepMs: engine.targetStepMs,
      targetPrefillStepMs: engine.targetPrefillStepMs,
      prefillTokensMin,
      prefillTokensMax,
      // A machine of unknown speed must not seem to hang in its first prefill.
      firstPrefillTokens: prefillTokensMin,
      prefixCache: engine.prefixCache !== 'off',
      queueCapacity: limits.queueLength + QUEUE_EXTRA,
      strict: engine.strict ?? backend !== 'cuda',
      // Nothing depends on it, so that clients cannot aim at one bucket of the prefix cache.
      hashSeed: randomInt(HASH_SEED_LIMIT),
    },
  );
}

/** Threads start when the first constrained sequence comes. */
const startGrammars =
  ({ model, engine }: HostConfig, { info }: Executor): StartGrammars =>
  (listener) => {
    const setup = { modelDir: model.dir ?? '', vocabSize: info.vocabSize };
    return new GrammarWorkers(
      {
        startWorker: workerThread(setup),
        workerCount: engine.grammarWorkers,
        answerMsMax: GRAMMAR_ANSWER_MS_MAX,
      },
      listener,
    );
  };

function engineInfo({ info }: Executor, loadMs: number): EngineInfo {
  const { stepTokenCapacity: _, ...facts } = info;
  // The null block holds no tokens of anyone.
  return { ...facts, blockCount: info.blockCount - 1, blockSize: BLOCK_SIZE, loadMs };
}

function failureMessage(error: unknown): EngineMessage {
  const code = error instanceof EtapError ? error.code : 'ETAP_ERR_INTERNAL';
  return { kind: 'failed', code, message: error instanceof Error ? error.message : String(error) };
}

/** The parent decides when this process ends; signals of the terminal reach both. */
async function runEngineProcess(config: HostConfig): Promise<void> {
  process.title = 'etap-engine';
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
  // Without a parent there is nobody to work for, and a hanging step must not keep the memory.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  process.on('uncaughtException', (error) => {
    console.error(error);
    processChannel.send(failureMessage(error));
    setTimeout(() => process.exit(1), FAILED_WAIT_MS);
  });
  try {
    await hostEngine(processChannel, config);
    process.exit(0);
  } catch {
    setTimeout(() => process.exit(1), FAILED_WAIT_MS);
  }
}

const processChannel: HostChannel = {
  send: (message) => {
    if (process.connected) process.send?.(message);
  },
  onMessage: (listener) => {
    process.on('message', (message) => listener(message as ParentMessage));
  },
};

if (process.argv[2] === ENGINE_PROCESS_FLAG) {
  await runEngineProcess(JSON.parse(process.argv[3] ?? '') as HostConfig);
}
