/** What happens in one simulation, made from its seed: plain data, so that it can be cut down. */
import type { AddCommand } from '../../src/engine/messages.ts';
import type { SimulatedFault } from '../../src/executor/index.ts';
import type { SamplingParams } from '../../src/sampling-params.ts';
import type { SchedulerConfig } from '../../src/scheduler/index.ts';
import { expectedOf } from './oracle.ts';
import { Random } from './random.ts';

/** What reaches the engine from outside, and when. */
export type ScenarioEvent = { readonly atMs: number } & (
  | { readonly kind: 'add'; readonly command: AddCommand }
  | { readonly kind: 'abort'; readonly id: number }
  | { readonly kind: 'flush' }
  /** The machine's clock is set forward or back. */
  | { readonly kind: 'clock'; readonly byMs: number }
);

export type Scenario = {
  readonly seed: number;
  readonly vocabSize: number;
  readonly scheduler: Partial<SchedulerConfig> &
    Pick<SchedulerConfig, 'maxSequences' | 'maxModelLen' | 'blockCount' | 'stepTokenCapacity'>;
  /** Microseconds of a step: fixed, for each token, for each token of context. */
  readonly costMicros: readonly [step: number, token: number, context: number];
  /** In order of time. */
  readonly events: readonly ScenarioEvent[];
  readonly faults: readonly { readonly stepIndex: number; readonly fault: SimulatedFault }[];
};

type ModelFacts = {
  readonly maxModelLen: number;
  readonly vocabSize: number;
  readonly strict: boolean;
};

const BLOCK = 64;
const SALTS = ['', 'a', 'b'];
const TENANTS = ['', 'x', 'y', 'z'];

export function scenarioOf(seed: number): Scenario {
  const random = new Random(seed);
  const maxModelLen = random.pick([100, 192, 257, 512, 1024]);
  const vocabSize = random.pick([64, 100, 500]);
  const facts = { maxModelLen, vocabSize, strict: random.chance(0.7) };
  const commands = commandsOf(random, facts);
  const scheduler = { ...schedulerOf(random, maxModelLen, commands), strict: facts.strict };
  return {
    seed,
    vocabSize,
    scheduler,
    costMicros: [random.integer(100, 3000), random.integer(1, 200), random.integer(0, 3)],
    events: eventsOf(random, commands),
    faults: faultsOf(random),
  };
}

function schedulerOf(
  random: Random,
  maxModelLen: number,
  commands: readonly AddCommand[],
): Scenario['scheduler'] {
  const lengths = commands.map((one) =>
    Math.min(maxModelLen, one.promptTokens.length + one.maxTokens),
  );
  const largestBlocks = Math.ceil(Math.max(...lengths, 2) / BLOCK);
  const poolRatio = random.pick([1, 1.1, 1.2, 1.5, 2, 3, 5, 8]);
  const maxSequences = random.pick([1, 3, 8, 16, 16]);
  const room = random.pick([0, 1, 64, 256, 1000]);
  return {
    maxSequences,
    maxModelLen,
    blockCount: 1 + Math.ceil(largestBlocks * poolRatio),
    stepTokenCapacity: maxSequences + BLOCK + room,
    targetStepMs: random.pick([1, 5, 20]),
    targetPrefillStepMs: random.pick([2, 20, 100]),
    prefillTokensMin: random.pick([64, 128, 256]),
    firstPrefillTokens: random.pick([64, 256, 8192]),
    prefillTokensMax: 1024,
    fixedPrefillTokens: random.pick([null, null, 64, 256, 100_000]),
    partialPrefillsMax: random.pick([1, 2, 2, 3]),
    prefixCache: random.chance(0.8),
    sharedPrefixWaitMsMax: random.pick([0, 10, 5000]),
    expectedCompletionTokens: random.pick([1, 1, 20, 256]),
    watermarkRatio: random.pick([-2, -0.5, 0, 0.03, 0.2]),
    queueCapacity: random.pick([4, 1000, 1000, 1000]),
    preemptionsMax: random.pick([0, 1, 3, 3]),
    fairQuantumTokens: random.pick([1, 64, 2048]),
    hashSeed: random.integer(0, 1_000_000),
  };
}

/** Prompts share the beginnings of a few texts, as conversations and system prompts do. */
function commandsOf(random: Random, facts: ModelFacts): AddCommand[] {
  const { maxModelLen, vocabSize } = facts;
  const texts = Array.from({ length: random.integer(1, 4) }, () =>
    Int32Array.from({ length: maxModelLen }, () => random.integer(0, vocabSize - 1)),
  );
  const classes = random.pick([[3], [3], [2, 3], [0, 1, 2, 3, 4, 5, 6, 7]]);
  const salts = random.chance(0.5) ? [''] : SALTS;
  const lengthMax = random.pick([20, 60, 60, 200, maxModelLen]);
  const outputMax = random.pick([4, 40, 150, 150, 300]);
  const count = random.pick([1, 5, 12, 20, 30]);
  const followUpRate = random.pick([0, 0, 0.3, 0.6]);
  const commands: AddCommand[] = [];
  for (let id = 1; id <= count; id++) {
    const length = Math.min(promptLength(random, lengthMax), maxModelLen - 1);
    const own = random.chance(0.3) ? random.integer(0, length) : length;
    const promptTokens = random.pickEarly(texts).slice(0, length);
    for (let at = own; at < length; at++) promptTokens[at] = random.integer(0, vocabSize - 1);
    const earlier = commands.at(-1);
    const followsUp = earlier !== undefined && random.chance(followUpRate);
    commands.push({
      id,
      promptTokens: followsUp ? followUp(earlier, facts) : promptTokens,
      sampling: samplingOf(random, vocabSize),
      maxTokens: random.chance(0.1) ? 1 : random.integer(1, outputMax),
      minTokens: random.chance(0.2) ? random.integer(1, 20) : 0,
      stopTokenIds: random.chance(0.3) ? [0, 1, 2] : [],
      priority: random.pick(classes),
      tenant: random.pickEarly(TENANTS),
      cacheSalt: random.pickEarly(salts),
      grammar: null,
    });
  }
  return commands;
}

/** The next turn of a conversation: the prompt before, its answer and a little more. */
function followUp(earlier: AddCommand, facts: ModelFacts): Int32Array {
  const { tokens } = expectedOf(earlier, { ...facts, tokensMax: facts.maxModelLen });
  const next = Int32Array.from([...earlier.promptTokens, ...tokens, 1, 2, 3]);
  return next.slice(0, facts.maxModelLen - 1);
}

/** Lengths at the borders of blocks come up more often than chance would have them. */
function promptLength(random: Random, lengthMax: number): number {
  if (random.chance(0.1)) return 1;
  if (random.chance(0.1)) return lengthMax;
  const length = random.integer(1, lengthMax);
  if (random.chance(0.6)) return length;
  return Math.max(1, Math.round(length / BLOCK) * BLOCK + random.integer(-1, 1));
}

function samplingOf(random: Random, vocabSize: number): SamplingParams {
  return {
    temperature: random.chance(0.5) ? 0 : 1,
    topK: 0,
    // The executor refuses a share above 1: then this sequence alone must fail.
    topP: random.chance(0.01) ? 2 : 1,
    minP: 0,
    repetitionPenalty: 1,
    frequencyPenalty: 0,
    presencePenalty: 0,
    seed: random.integer(0, 1_000_000_000),
    logitBias: [],
    allowedTokenIds: random.chance(0.05) ? [3, vocabSize - 1, 7] : null,
    topLogprobs: random.chance(0.1) ? random.integer(0, 3) : null,
    promptLogprobs: random.chance(0.05) ? random.integer(0, 2) : null,
  };
}

function eventsOf(random: Random, commands: readonly AddCommand[]): ScenarioEvent[] {
  const spreadMs = random.pick([0, 1, 4, 20, 200]);
  const abortRate = random.pick([0, 0, 0.1, 0.5]);
  const events: ScenarioEvent[] = [];
  let atMs = 0;
  for (const command of commands) {
    if (random.chance(0.7)) atMs += random.integer(0, spreadMs);
    events.push({ kind: 'add', atMs, command });
    while (random.chance(abortRate)) {
      const delayMs = random.integer(0, random.pick([0, 5, 50, 500]));
      events.push({ kind: 'abort', atMs: atMs + delayMs, id: command.id });
    }
  }
  if (random.chance(0.1)) events.push({ kind: 'abort', atMs, id: 999_999 });
  if (random.chance(0.2)) events.push({ kind: 'flush', atMs: random.integer(0, atMs) });
  if (random.chance(0.2)) {
    const byMs = random.pick([-3_600_000, -10, 10, 3_600_000]);
    events.push({ kind: 'clock', atMs: random.integer(0, atMs), byMs });
  }
  // The sort is stable: what happens at one time keeps its order.
  return events.sort((left, right) => left.atMs - right.atMs);
}

function faultsOf(random: Random): Scenario['faults'] {
  if (random.chance(0.5)) return [];
  return Array.from({ length: random.integer(1, 4) }, () => {
    const stepIndex = random.integer(0, 100);
    const row = random.integer(0, 15);
    const kind = random.pick(['nan', 'nan', 'slow', 'slow', 'fail'] as const);
    if (kind === 'nan') return { stepIndex, fault: { kind, row } };
    if (kind === 'slow') return { stepIndex, fault: { kind, factor: random.integer(2, 1000) } };
    return { stepIndex, fault: { kind } };
  });
}
