import { describe, expect, it } from 'vitest';
import { EngineLoop } from '../../../src/engine/loop.ts';
import type { EngineMessage, LivePicture } from '../../../src/engine/messages.ts';
import { SimulatedExecutor, VirtualClock } from '../../../src/executor/index.ts';
import { schedulerConfig } from '../../../src/scheduler/index.ts';
import { GREEDY } from '../../support/step-driver.ts';

const FACTS = { maxModelLen: 1024, blockCount: 33, stepTokenCapacity: 256 };
const PROMPT = Int32Array.from({ length: 100 }, (_, index) => index);
const STEP_MICROS = 50_000;

function engine() {
  const clock = new VirtualClock();
  const messages: EngineMessage[] = [];
  const loop = new EngineLoop({
    executor: new SimulatedExecutor({
      ...FACTS,
      vocabSize: 1000,
      slotCount: 8,
      strict: true,
      verifyReads: true,
      cost: () => STEP_MICROS,
      passTime: clock.pass,
    }),
    scheduler: schedulerConfig({ ...FACTS, maxSequences: 8 }),
    stepDeadlineMs: 30_000,
    now: () => clock.nowMs,
    emit: (message) => messages.push(message),
  });
  const generate = (id: number, maxTokens: number) =>
    loop.add({
      id,
      promptTokens: PROMPT,
      sampling: GREEDY,
      maxTokens,
      minTokens: 0,
      stopTokenIds: [],
      priority: 3,
      tenant: '',
      cacheSalt: '',
      grammar: null,
    });
  const pictures = (): LivePicture[] =>
    messages.flatMap((message) => (message.kind === 'live' ? [message.picture] : []));
  return { loop, generate, messages, pictures };
}

const rowsOf = (picture: LivePicture) =>
  picture.steps.map(({ rows }) => Array.from(rows.filter((_, index) => index % 3 === 2)));

describe('pictures of the engine', () => {
  it('are not made while nobody watches', async () => {
    const { loop, generate, pictures } = engine();
    generate(1, 5);
    await loop.idle();
    loop.watch(true);
    loop.watch(false);
    generate(2, 5);
    await loop.idle();
    expect(pictures()).toHaveLength(1);
  });

  it('show an idle engine at once, and all blocks as they are left', async () => {
    const { loop, generate, pictures } = engine();
    loop.watch(true);
    expect(Array.from(pictures()[0]?.blocks.counts ?? [])).toEqual([32, 0, 0, 0]);
    generate(1, 5);
    await loop.idle();
    const last = pictures().at(-1);
    expect(Array.from(last?.sequences ?? [])).toEqual([]);
    expect(Array.from(last?.blocks.counts ?? [])).toEqual([31, 1, 0, 0]);
    expect(last?.emittedTokenCount).toBe(5);
  });

  it('tell every step once, gathered to a few pictures a second', async () => {
    const { loop, generate, messages, pictures } = engine();
    loop.watch(true);
    generate(1, 20);
    await loop.idle();
    const steps = pictures().flatMap(({ steps: some }) => some.map(({ stepIndex }) => stepIndex));
    const computed = messages.filter(
      (message) => message.kind === 'step' && message.stats.stepMs > 0,
    );
    expect(steps).toHaveLength(computed.length);
    expect(new Set(steps).size).toBe(steps.length);
    // 50 ms a step, 125 ms a picture: every third step, the first picture and the last.
    expect(pictures().length).toBeLessThan(computed.length / 2 + 2);
  });

  it('show prefill and decode, a shared prefix, and the time to the first token', async () => {
    const { loop, generate, pictures } = engine();
    loop.watch(true);
    generate(1, 3);
    await loop.idle();
    expect(pictures().flatMap(rowsOf)).toEqual([[100], [-1], [-1]]);
    expect(pictures().flatMap(({ firstTokenMs }) => Array.from(firstTokenMs))).toEqual([50]);

    generate(2, 9);
    generate(3, 9);
    await loop.idle();
    const shared = pictures().find(({ blocks }) => (blocks.counts[3] ?? 0) > 0);
    expect(shared?.sequences.subarray(0, 4)).toEqual(Int32Array.of(2, 0, 100, 64));
    expect(shared?.sequences.subarray(5, 9)).toEqual(Int32Array.of(3, 1, 100, 64));
  });
});
