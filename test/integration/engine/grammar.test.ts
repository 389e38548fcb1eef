/** Grammars in the whole engine: compiled and followed in this thread, tokens from the simulated executor. */
import { describe, expect, it } from 'vitest';
import { EngineLoop } from '../../../src/engine/loop.ts';
import type { AddCommand, EngineMessage } from '../../../src/engine/messages.ts';
import { SimulatedExecutor } from '../../../src/executor/index.ts';
import type { GrammarLanguage, GrammarSpec } from '../../../src/grammar/index.ts';
import { type SchedulerConfig, schedulerConfig } from '../../../src/scheduler/index.ts';
import {
  type ServiceWorkersOptions,
  serviceWorkers,
} from '../../support/grammar/service-workers.ts';
import { GREEDY } from '../../support/step-driver.ts';

const EOS = 300;
const MARK = 301;
const FACTS = { maxModelLen: 1024, blockCount: 65, stepTokenCapacity: 512 };

function engine(
  changes: {
    readonly blockCount?: number;
    readonly maxSequences?: number;
    readonly workers?: ServiceWorkersOptions;

    readonly scheduler?: Partial<SchedulerConfig>;
  } = {},
) {
  const messages: EngineMessage[] = [];
  const maxSequences = changes.maxSequences ?? 8;
  const facts = { ...FACTS, ...(changes.blockCount && { blockCount: changes.blockCount }) };
  const executor = new SimulatedExecutor({
    ...facts,
    vocabSize: 320,
    slotCount: maxSequences,
    strict: true,
    verifyReads: true,
    cost: () => 1000,
    passTime: async () => {},
  });
  const grammars = serviceWorkers(320, changes.workers);
  const loop = new EngineLoop({
    executor,
    scheduler: schedulerConfig({ ...facts, maxSequences }, { ...changes.scheduler }),
    now: () => 0,
    emit: (message) => messages.push(message),
    stepDeadlineMs: 10_000,
    startGrammars: grammars.start,
  });
  const steps = () => messages.flatMap((one) => (one.kind === 'step' ? [one] : []));
  const finishes = () => steps().flatMap((step) => step.finishes);
  const finished = async (count: number) => {
    while (finishes().length < count) await new Promise(setImmediate);
    return finishes();
  };
  const tokensOf = (id: number) =>
    steps().flatMap(({ tokens }) =>
      [...tokens].filter((_, i) => i % 2 === 1 && tokens[i - 1] === id),
    );
  return { loop, steps, finished, tokensOf, grammars };
}

const textOf = (tokens: readonly number[]) => Buffer.from(tokens).toString();

function command(id: number, language: GrammarLanguage, changes: Partial<AddCommand> = {}) {
  return {
    id,
    promptTokens: Int32Array.from({ length: 40 }, (_, i) => (i * 7 + id) % 256),
    sampling: { ...GREEDY, seed: id, temperature: 1 },
    maxTokens: 200,
    minTokens: 0,
    stopTokenIds: [EOS],
    priority: 3,
    tenant: '',
    cacheSalt: '',
    grammar: { language, startAfter: null } satisfies GrammarSpec,
    ...changes,
  };
}

const regex = (source: string): GrammarLanguage => ({ kind: 'regex', source, path: 'regex' });

describe('a constrained sequence', () => {
  it('says only what its grammar allows, and ends with it', async () => {
    const { loop, finished, tokensOf } = engine();
    loop.add(command(1, regex('(yes|no), [a-z]{3,8}\\.')));
    const [finish] = await finished(1);
    expect(finish).toMatchObject({ reason: 'stop', stopTokenId: null, errorCode: null });
    expect(textOf(tokensOf(1))).toMatch(/^(yes|no), [a-z]{3,8}\.$/);
    expect(finish?.completionTokenCount).toBe(tokensOf(1).length);
  });

  it('may stop where the text can end', async () => {
    const { loop, finished, tokensOf } = engine();
    for (let id = 1; id <= 20; id++) loop.add(command(id, regex('(ab)+')));
    const finishes = await finished(20);
    expect(finishes.map(({ reason }) => reason)).toEqual(Array(20).fill('stop'));
    for (let id = 1; id <= 20; id++) expect(textOf(tokensOf(id))).toMatch(/^(ab)+$/);
  });

  it('goes on to its end where the end of sequence is ignored', async () => {
    const { loop, finished, tokensOf } = engine();
    loop.add(command(1, regex('a{2,9}'), { stopTokenIds: [] }));
    expect(await finished(1)).toMatchObject([{ reason: 'stop' }]);
    expect(textOf(tokensOf(1))).toBe('aaaaaaaaa');
  });

  it('is cut at its number of tokens', async () => {
    const { loop, finished } = engine();
    loop.add(command(1, regex('a{9}'), { maxTokens: 4 }));
    expect(await finished(1)).toMatchObject([{ reason: 'length', completionTokenCount: 4 }]);
  });

  it('runs beside free ones', async () => {
    const { loop, finished, tokensOf } = engine();
    loop.add({ ...command(1, regex('x')), grammar: null, maxTokens: 30, stopTokenIds: [] });
    loop.add(command(2, regex('[0-9]{20}')));
    await finished(2);
    expect(tokensOf(1)).toHaveLength(30);
    expect(textOf(tokensOf(2))).toMatch(/^[0-9]{20}$/);
  });
});

describe('free text in front', () => {
  const begunBy = (language: GrammarLanguage, mayEnd: boolean): GrammarSpec => ({
    language,
    startAfter: { tokens: [MARK], mayEnd },
  });

  it('cannot end the sequence, and the grammar begins after its mark', async () => {
    const { loop, finished, tokensOf } = engine({ maxSequences: 4 });
    for (let id = 1; id <= 10; id++) {
      const sampling = { ...GREEDY, seed: id, allowedTokenIds: [65, EOS, MARK, 48, 49] };
      loop.add(
        command(id, regex('[01]{4}'), { sampling, grammar: begunBy(regex('[01]{4}'), false) }),
      );
    }
    const finishes = await finished(10);
    expect(finishes.map(({ reason }) => reason)).toEqual(Array(10).fill('stop'));
    for (let id = 1; id <= 10; id++) {
      const tokens = tokensOf(id);
      const mark = tokens.indexOf(MARK);
      expect(mark).toBeGreaterThanOrEqual(0);
      expect(tokens).not.toContain(EOS);
      expect(textOf(tokens.slice(mark + 1))).toMatch(/^[01]{4}$/);
    }
  });

  it('may end the sequence where that is said', async () => {
    const { loop, finished } = engine();
    const sampling = { ...GREEDY, allowedTokenIds: [65, EOS] };
    loop.add(command(1, regex('x'), { sampling, grammar: begunBy(regex('x'), true) }));
    expect(await finished(1)).toMatchObject([{ reason: 'stop', stopTokenId: EOS }]);
  });
});

describe('preemption', () => {
  it('changes no token of a constrained sequence', async () => {
    const language = regex('([a-f]{1,3}-){40,60}\\.');
    const alone = await Promise.all(
      [1, 2, 3, 4].map(async (id) => {
        const { loop, finished, tokensOf } = engine();
        loop.add(command(id, language));
        await finished(1);
        return tokensOf(id);
      }),
    );
    let answers = 0;
    const { loop, finished, tokensOf, steps } = engine({
      blockCount: 7,
      scheduler: { watermarkRatio: -10, expectedCompletionTokens: 1 },
      // Some masks are late, so that sequences lose their blocks while they wait for one.
      workers: { answerAfterMs: () => (answers++ % 40 === 7 ? 30 : 0) },
    });
    for (const id of [1, 2, 3, 4]) loop.add(command(id, language));
    await finished(4);
    expect(steps().at(-1)?.stats.preemptionCount).toBeGreaterThan(0);
    expect([1, 2, 3, 4].map(tokensOf)).toEqual(alone);
  });
});

describe('late masks', () => {
  it('leave their sequence out of a step, and change no token', async () => {
    const language = regex('[a-z]{12}');
    const prompt = engine();
    for (const id of [1, 2, 3, 4]) prompt.loop.add(command(id, language));
    await prompt.finished(4);
    let answers = 0;
    const late = engine({ workers: { answerAfterMs: () => (answers++ % 7 === 3 ? 40 : 0) } });
    for (const id of [1, 2, 3, 4]) late.loop.add(command(id, language));
    await late.finished(4);
    for (const id of [1, 2, 3, 4]) expect(late.tokensOf(id)).toEqual(prompt.tokensOf(id));
    expect(late.steps().some(({ tokens }) => tokens.length > 0 && tokens.length < 8)).toBe(true);
  });
});

describe('failures', () => {
  it('of the grammar end its sequence alone, with a coded error', async () => {
    const { loop, finished, tokensOf } = engine();
    loop.add(command(1, regex('(')));
    loop.add(command(2, regex('ok')));
    const finishes = await finished(2);
    expect(finishes.find(({ id }) => id === 1)).toMatchObject({
      reason: 'error',
      errorCode: 'ETAP_ERR_GRAMMAR',
    });
    expect(textOf(tokensOf(2))).toBe('ok');
  });

  it('of a worker cost no token: its sequences are built up again', async () => {
    const { loop, finished, tokensOf, grammars } = engine();
    for (const id of [1, 2, 3]) loop.add(command(id, regex('[a-z]{60}')));
    while (tokensOf(1).length < 10) await new Promise(setImmediate);
    grammars.loseAll();
    await finished(3);
    const alone = engine();
    for (const id of [1, 2, 3]) alone.loop.add(command(id, regex('[a-z]{60}')));
    await alone.finished(3);
    for (const id of [1, 2, 3]) expect(tokensOf(id)).toEqual(alone.tokensOf(id));
  });

  it('an abort while the grammar compiles ends the sequence once', async () => {
    const { loop, finished, grammars } = engine();
    loop.add(command(1, regex('ok')));
    loop.abort(1);
    expect(await finished(1)).toMatchObject([{ id: 1, reason: 'abort' }]);
    await loop.idle();
    // The worker hears of it two turns later.
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    expect(grammars.openCount).toBe(0);
  });
});
