/** Engines and sequences for tests of the parent half. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Config, mergeConfig, readCommandLine } from '../../src/config/index.ts';
import { SupervisedEngine } from '../../src/engine/client.ts';
import { adoptChild } from '../../src/engine/forked-process.ts';
import type {
  EngineState,
  FinishRecord,
  GenerateCommand,
  SequenceListener,
  TokenLogprobs,
} from '../../src/engine/index.ts';

/** Defaults with settings on top, given as flags. */
export const configFrom = (...flags: string[]): Config =>
  mergeConfig(readCommandLine(flags).assignments).config;

/** First prompt tokens that tell the scripted engine what to do. */
export const CRASH = 1;
export const STOP_SELF = 2;
export const STUCK_STEP = 3;
export const NEVER_ENDS = 4;

export type ScriptedStart = 'serve' | 'load-fails' | 'load-crashes' | 'load-hangs' | 'canary-fails';

const SCRIPT = fileURLToPath(new URL('./scripted-engine-process.mjs', import.meta.url));

/** An engine over scripted children; the last of `starts` is used for all further ones. */
export function scriptedEngine(config: Config, ...starts: ScriptedStart[]) {
  const listenerErrors: unknown[] = [];
  let spawnCount = 0;
  const engine = new SupervisedEngine(config, {
    spawn: () => {
      const start = starts[Math.min(spawnCount++, starts.length - 1)] ?? 'serve';
      return adoptChild(fork(SCRIPT, [start], { serialization: 'advanced', execArgv: [] }));
    },
    onListenerError: (error) => listenerErrors.push(error),
  });
  return { engine: engine.start(), listenerErrors };
}

/** What one sequence was told, in order. */
export class RecordingListener implements SequenceListener {
  readonly tokens: number[] = [];
  readonly logprobs: (TokenLogprobs | null)[] = [];
  readonly promptLogprobs: TokenLogprobs[] = [];
  readonly finishes: FinishRecord[] = [];
  /** Resolves with the finish record. */
  readonly finished: Promise<FinishRecord>;
  readonly #resolve: (finish: FinishRecord) => void;
  readonly #onToken: (tokenId: number) => void;

  constructor(onToken: (tokenId: number) => void = () => {}) {
    this.#onToken = onToken;
    let resolveFinished: (finish: FinishRecord) => void = () => {};
    this.finished = new Promise((resolve) => {
      resolveFinished = resolve;
    });
    this.#resolve = resolveFinished;
  }

  onPromptLogprobs(tokens: readonly TokenLogprobs[]): void {
    this.promptLogprobs.push(...tokens);
  }

  onToken(tokenId: number, logprobs: TokenLogprobs | null): void {
    this.tokens.push(tokenId);
    this.logprobs.push(logprobs);
    this.#onToken(tokenId);
  }

  onFinish(finish: FinishRecord): void {
    this.finishes.push(finish);
    this.#resolve(finish);
  }
}

/** A greedy command for these prompt tokens. */
export const commandFor = (
  promptTokens: readonly number[],
  changes: Partial<GenerateCommand> = {},
): GenerateCommand => ({
  promptTokens: Int32Array.from(promptTokens),
  sampling: {
    temperature: 0,
    topK: 0,
    topP: 1,
    minP: 0,
    repetitionPenalty: 1,
    frequencyPenalty: 0,
    presencePenalty: 0,
    seed: 0,
    logitBias: [],
    allowedTokenIds: null,
    topLogprobs: null,
    promptLogprobs: null,
  },
  maxTokens: 3,
  minTokens: 0,
  stopTokenIds: [],
  priority: 3,
  tenant: '',
  cacheSalt: '',
  grammar: null,
  ...changes,
});

/** Resolves when the engine next enters `state`. */
export const entered = (engine: SupervisedEngine, state: EngineState): Promise<void> =>
  new Promise((resolve) => {
    engine.onStateChange((next) => {
      if (next === state) resolve();
    });
  });

/** Runs one sequence to its end. */
export function runSequence(engine: SupervisedEngine, command: GenerateCommand) {
  const listener = new RecordingListener();
  engine.generate(command, listener);
  return listener.finished.then((finish) => ({ finish, tokens: listener.tokens }));
}
