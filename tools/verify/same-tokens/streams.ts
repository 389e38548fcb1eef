/** Runs requests on an engine and keeps every token with its log-probabilities, bit for bit. */
import type { EngineClient, FinishRecord, GenerateCommand } from '../../../src/engine/index.ts';
import { URGENT_PRIORITY } from './prompts.ts';

const STEPS_BETWEEN_URGENT = 3;

/** One sequence's outcome as text: equal texts are equal bits. */
export type Stream = string;

export type Outcome = {
  readonly streams: readonly Stream[];
  readonly finishes: readonly FinishRecord[];
  /** Prompt tokens of each step that had any. */
  readonly prefillTokens: readonly number[];
};

const bits = new DataView(new ArrayBuffer(8));

/** A float by its bits, so that not even the last one may differ. */
function hex(value: number): string {
  bits.setFloat64(0, value);
  return bits.getBigUint64(0).toString(16);
}

type Ended = { readonly stream: Stream; readonly finish: FinishRecord };

function runOne(engine: EngineClient, command: GenerateCommand): Promise<Ended> {
  return new Promise((resolve) => {
    const parts: string[] = [];
    engine.generate(command, {
      onPromptLogprobs: () => {},
      onToken: (token, logprobs) => {
        const top = logprobs === null ? [] : [...logprobs.topLogprobs].map(hex);
        const ids = logprobs === null ? [] : [...logprobs.topIds];
        parts.push([token, hex(logprobs?.logprob ?? Number.NaN), ...ids, ...top].join(','));
      },
      onFinish: (finish) => {
        parts.push(`${finish.reason} ${finish.errorCode ?? ''} ${finish.completionTokenCount}`);
        resolve({ stream: parts.join('\n'), finish });
      },
    });
  });
}

export async function runAlone(
  engine: EngineClient,
  commands: readonly GenerateCommand[],
): Promise<Outcome> {
  const prefillTokens = watchPrefills(engine);
  const ended: Ended[] = [];
  for (const command of commands) ended.push(await runOne(engine, command));
  return outcome(ended, prefillTokens);
}

/** Twice alone: chunks grow with what was measured, so only the second time counts. */
export async function runWholePrompts(
  engine: EngineClient,
  commands: readonly GenerateCommand[],
): Promise<Outcome> {
  await runAlone(engine, commands);
  return runAlone(engine, commands);
}

function watchPrefills(engine: EngineClient): readonly number[] {
  const tokens: number[] = [];
  engine.onStep(({ stepPrefillTokens }) => {
    if (stepPrefillTokens > 0) tokens.push(stepPrefillTokens);
  });
  return tokens;
}

export async function runTogether(
  engine: EngineClient,
  commands: readonly GenerateCommand[],
): Promise<Outcome> {
  const prefillTokens = watchPrefills(engine);
  const ended = await Promise.all(commands.map((command) => runOne(engine, command)));
  return outcome(ended, prefillTokens);
}

/** Urgent requests come one by one while the others run, a few steps apart. */
export async function runUrgentLater(
  engine: EngineClient,
  commands: readonly GenerateCommand[],
): Promise<Outcome> {
  const prefillTokens = watchPrefills(engine);
  const isUrgent = ({ priority }: GenerateCommand) => priority === URGENT_PRIORITY;
  const ended = new Array<Promise<Ended>>(commands.length);
  const later: number[] = [];
  for (const [index, command] of commands.entries()) {
    if (isUrgent(command)) later.push(index);
    else ended[index] = runOne(engine, command);
  }
  await new Promise<void>((resolve) => {
    let steps = 0;
    engine.onStep(() => {
      if (++steps % STEPS_BETWEEN_URGENT !== 0) return;
      const index = later.shift();
      if (index === undefined) return resolve();
      const command = commands[index];
      if (command !== undefined) ended[index] = runOne(engine, command);
    });
  });
  return outcome(await Promise.all(ended), prefillTokens);
}

function outcome(ended: readonly Ended[], prefillTokens: readonly number[]): Outcome {
  return {
    streams: ended.map(({ stream }) => stream),
    finishes: ended.map(({ finish }) => finish),
    prefillTokens,
  };
}
