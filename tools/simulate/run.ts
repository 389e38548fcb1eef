/**
 * Runs one scenario: the real loop, scheduler and KV cache over the simulated executor, with a
 * virtual clock. Rules are checked while every step is in flight and after it.
 */
import { EngineLoop } from '../../src/engine/loop.ts';
import type { EngineMessage, EngineStats, FinishRecord } from '../../src/engine/messages.ts';
import { SimulatedExecutor } from '../../src/executor/index.ts';
import { schedulerConfig } from '../../src/scheduler/index.ts';
import { checkBatch } from './batch-rules.ts';
import { checkInvariants } from './invariants.ts';
import { Observer } from './observer.ts';
import { expectedOf } from './oracle.ts';
import { SaltWatch } from './salt-watch.ts';
import type { Scenario, ScenarioEvent } from './scenario.ts';

export type Outcome = {
  /** What went wrong, or null. */
  readonly failure: string | null;
  /** Hash of everything the engine said. */
  readonly digest: number;
  readonly stats: EngineStats | null;
};

/** No simulated step is watched. */
const STEP_DEADLINE_MS = 30_000;
/** Message of the step that a scenario makes fail. */
const PLANNED_FAILURE = 'The fault plan fails this step.';

export async function runScenario(
  scenario: Scenario,
  log: (line: string) => void = () => {},
): Promise<Outcome> {
  const run = new Run(scenario, log);
  try {
    await run.toEnd();
  } catch (error) {
    run.fail(error);
  }
  return run.outcome;
}

class Run {
  readonly #scenario: Scenario;
  readonly #log: (line: string) => void;
  readonly #observer: Observer;
  readonly #executor: SimulatedExecutor;
  readonly #loop: EngineLoop;
  readonly #stepsMax: number;
  #nowMs = 0;
  /** What the engine's clock shows more. */
  #clockOffsetMs = 0;
  #nextEvent = 0;
  #stepCount = 0;
  #failure: string | null = null;
  readonly #salts = new SaltWatch();
  /** Tables of the step in flight: blocks behind a row that is not finite must not be reused. */
  #tables = new Map<number, readonly number[]>();
  #stats: EngineStats | null = null;

  constructor(scenario: Scenario, log: (line: string) => void) {
    const config = schedulerConfig(scenario.scheduler);
    this.#scenario = scenario;
    this.#log = log;
    this.#observer = new Observer(config.preemptionsMax, possibleErrors(scenario));
    this.#stepsMax = stepsMaxOf(scenario, config.preemptionsMax);
    const [step, token, context] = scenario.costMicros;
    this.#executor = new SimulatedExecutor({
      vocabSize: scenario.vocabSize,
      maxModelLen: config.maxModelLen,
      blockCount: config.blockCount,
      slotCount: config.maxSequences,
      stepTokenCapacity: config.stepTokenCapacity,
      strict: config.strict,
      verifyReads: true,
      cost: (shape) =>
        step + token * shape.newTokens + context * (shape.decodeContext + shape.prefillContext),
      passTime: (micros) => this.#passTime(micros),
      faultOf: (index) =>
        scenario.faults.find(({ stepIndex }) => stepIndex === index)?.fault ?? null,
    });
    this.#loop = new EngineLoop({
      executor: this.#executor,
      scheduler: config,
      stepDeadlineMs: STEP_DEADLINE_MS,
      now: () => this.#nowMs + this.#clockOffsetMs,
      emit: (message) => this.#guard(() => this.#hear(message)),
    });
  }

  get outcome(): Outcome {
    return { failure: this.#failure, digest: this.#observer.digest, stats: this.#stats };
  }

  fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error.message : String(error);
  }

  async toEnd(): Promise<void> {
    const { events } = this.#scenario;
    while (this.#nextEvent < events.length) {
      this.#deliverUntil((events[this.#nextEvent] as ScenarioEvent).atMs);
      await this.#loop.idle();
      if (this.#failure !== null) return;
    }
    const lost = this.#loop.failure;
    if (lost !== null && lost.message !== PLANNED_FAILURE) this.#failure = lost.message;
    else this.#checkEnd();
  }

  /** Time of a step: what comes from outside meanwhile finds the step in flight. */
  async #passTime(micros: number): Promise<void> {
    const endMs = this.#nowMs + micros / 1000;
    this.#guard(() => {
      this.#stepCount++;
      if (this.#stepCount > this.#stepsMax) {
        throw new Error(`No end in sight after ${this.#stepsMax} steps.`);
      }
      const view = this.#loop.scheduler.view();
      checkBatch(this.#executor.batch, view);
      this.#salts.check(view);
      this.#tables = new Map(
        view.running.map(({ id, table }) => [id, [...table.blocks.subarray(0, table.length)]]),
      );
    });
    // Every other step, what happens during it is told between the steps instead.
    if (this.#stepCount % 2 === 0) this.#deliverUntil(endMs);
    this.#nowMs = Math.max(this.#nowMs, endMs);
    this.#guard(() => checkInvariants(this.#loop.scheduler.view()));
  }

  #hear(message: EngineMessage): void {
    this.#logMessage(message);
    this.#observer.hear(message);
    checkInvariants(this.#loop.scheduler.view());
    if (message.kind === 'step') this.#checkDistrust(message.finishes);
    if (message.kind === 'step') this.#stats = message.stats;
    this.#deliverUntil(this.#nowMs);
  }

  #checkDistrust(finishes: readonly FinishRecord[]): void {
    const { kv } = this.#loop.scheduler.view();
    for (const { id, errorCode } of finishes) {
      if (errorCode !== 'ETAP_ERR_NAN_LOGITS') continue;
      const cached = this.#tables.get(id)?.find((block) => kv.isIndexed(block));
      if (cached !== undefined) throw new Error(`Block ${cached} of a NaN row is still cached.`);
    }
  }

  #deliverUntil(untilMs: number): void {
    const { events } = this.#scenario;
    for (;;) {
      const event = events[this.#nextEvent];
      if (event === undefined || event.atMs > untilMs) return;
      this.#nextEvent++;
      this.#nowMs = Math.max(this.#nowMs, event.atMs);
      this.#deliver(event);
    }
  }

  #deliver(event: ScenarioEvent): void {
    this.#logEvent(event);
    if (event.kind === 'abort') {
      this.#observer.aborted(event.id);
      this.#loop.abort(event.id);
    } else if (event.kind === 'flush') {
      this.#loop.flushPrefixCache();
    } else if (event.kind === 'clock') {
      this.#clockOffsetMs += event.byMs;
    } else {
      const { vocabSize } = this.#scenario;
      const { config, sequenceTokensMax } = this.#loop.scheduler;
      const facts = { vocabSize, strict: config.strict, tokensMax: sequenceTokensMax };
      this.#observer.added(event.command, expectedOf(event.command, facts));
      this.#loop.add(event.command);
    }
  }

  #checkEnd(): void {
    const view = this.#loop.scheduler.view();
    const { kv } = view;
    const open = this.#observer.openCount;
    if (open > 0) throw new Error(`${open} sequences never ended.`);
    if (view.running.length + view.waiting.length + view.parked.length > 0) {
      throw new Error('The scheduler still holds sequences at the end.');
    }
    if (kv.pool.usedCount > 0) throw new Error(`${kv.pool.usedCount} blocks are held at the end.`);
    this.#loop.flushPrefixCache();
    checkInvariants(view);
    if (kv.namespaceCount > 0) throw new Error(`${kv.namespaceCount} namespaces are left over.`);
  }

  /** Keeps the first failure, and lets the loop end with it. */
  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  #logEvent(event: ScenarioEvent): void {
    const at = `${this.#nowMs.toFixed(2).padStart(9)} ms `;
    if (event.kind === 'flush') this.#log(`${at} flush`);
    else if (event.kind === 'clock') this.#log(`${at} clock ${event.byMs} ms`);
    else if (event.kind === 'abort') this.#log(`${at} abort ${event.id}`);
    else {
      const { id, promptTokens, maxTokens, priority, tenant, cacheSalt } = event.command;
      const length = `${promptTokens.length}+${maxTokens}`;
      this.#log(`${at} add ${id}: ${length} tokens, class ${priority}, '${tenant}' '${cacheSalt}'`);
    }
  }

  #logMessage(message: EngineMessage): void {
    const at = `${this.#nowMs.toFixed(2).padStart(9)} ms `;
    if (message.kind === 'failed') this.#log(`${at} failed: ${message.message}`);
    if (message.kind !== 'step') return;
    const { stats } = message;
    const rows = this.#loop.scheduler
      .view()
      .running.map((one) => `${one.id}:${one.committed}/${one.tokenCount}`);
    const ends = message.finishes.map(({ id, reason }) => `${id} ${reason}`);
    this.#log(
      `${at} step ${stats.stepCount}: decode ${stats.stepDecodeTokens} prefill ` +
        `${stats.stepPrefillTokens}, free ${stats.blocksFree}, waiting ${stats.waitingCount} ` +
        `(${stats.blockedReason}), running [${rows.join(' ')}]` +
        (ends.length > 0 ? `, ended [${ends.join(', ')}]` : ''),
    );
  }
}

function possibleErrors({ events, faults, scheduler }: Scenario): ReadonlySet<string> {
  const codes = new Set<string>();
  const adds = events.flatMap((event) => (event.kind === 'add' ? [event.command] : []));
  if (adds.some(({ sampling }) => sampling.topP > 1)) codes.add('ETAP_ERR_INVALID_REQUEST');
  if (adds.length > (scheduler.queueCapacity ?? 0)) codes.add('ETAP_ERR_QUEUE_FULL');
  if (faults.some(({ fault }) => fault.kind === 'nan')) codes.add('ETAP_ERR_NAN_LOGITS');
  if (faults.some(({ fault }) => fault.kind === 'fail')) codes.add('ETAP_ERR_STEP_FAILED');
  return codes;
}

/** Every step computes a token at least, and no token is computed more often than this. */
function stepsMaxOf({ events, scheduler }: Scenario, preemptionsMax: number): number {
  let tokens = 0;
  for (const event of events) {
    if (event.kind !== 'add') continue;
    const { promptTokens, maxTokens } = event.command;
    tokens += Math.min(promptTokens.length + maxTokens, scheduler.maxModelLen);
  }
  return tokens * (preemptionsMax + 1);
}
