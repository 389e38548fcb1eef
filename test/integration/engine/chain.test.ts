/** Client -> host -> loop -> scheduler -> simulated executor and back, in one process. */
import { afterEach, describe, expect, it } from 'vitest';
import type { SupervisedEngine } from '../../../src/engine/index.ts';
import {
  commandFor,
  configFrom,
  entered,
  RecordingListener,
  runSequence,
} from '../../support/engine-fixtures.ts';
import { inMemoryEngine } from '../../support/in-memory-engine.ts';

const SIMULATED = ['--executor', 'simulated', '--engine.restartBackoffMs', '1'];
const open: SupervisedEngine[] = [];

async function start(...flags: string[]): Promise<SupervisedEngine> {
  const engine = inMemoryEngine(configFrom('models/demo', ...SIMULATED, ...flags));
  open.push(engine);
  await engine.ready();
  return engine;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((engine) => engine.close()));
});

const prompt = (length: number, first = 5): number[] =>
  Array.from({ length }, (_, index) => first + (index % 300));

describe('the chain', () => {
  it('reports what the executor is', async () => {
    const engine = await start('--max-sequences', '3', '--max-model-len', '1000');
    expect(engine.info).toMatchObject({
      backend: 'simulated',
      slotCount: 3,
      maxModelLen: 1000,
      blockSize: 64,
      blockCount: 4095,
    });
    expect(engine.stats).toMatchObject({ blocksTotal: 4095, runningCount: 0, waitingCount: 0 });
  });

  it('gives every sequence the tokens it gets alone, whatever else runs', async () => {
    const engine = await start('--max-sequences', '4');
    const commands = Array.from({ length: 12 }, (_, index) =>
      commandFor(prompt(1 + 37 * index, index), { maxTokens: 1 + index }),
    );
    const alone: number[][] = [];
    for (const command of commands) alone.push((await runSequence(engine, command)).tokens);
    const together = await Promise.all(commands.map((command) => runSequence(engine, command)));
    expect(together.map(({ tokens }) => tokens)).toEqual(alone);
    expect(together.map(({ tokens }) => tokens.length)).toEqual(alone.map((_, index) => index + 1));
    expect(together.map(({ finish }) => finish.reason)).toEqual(alone.map(() => 'length'));
    await engine.idle();
  });

  it('finds a common prefix in the cache, until it is flushed', async () => {
    const engine = await start();
    const command = commandFor(prompt(200));
    const first = await runSequence(engine, command);
    const second = await runSequence(engine, command);
    const salted = await runSequence(engine, { ...command, cacheSalt: 'other' });
    engine.flushPrefixCache();
    const flushed = await runSequence(engine, command);
    const cached = [first, second, salted, flushed].map(({ finish }) => finish.cachedTokenCount);
    expect(cached).toEqual([0, 192, 0, 0]);
    expect(second.tokens).toEqual(first.tokens);
  });

  it('shares nothing when the prefix cache is off', async () => {
    const engine = await start('--engine.prefixCache', 'off');
    const command = commandFor(prompt(200));
    await runSequence(engine, command);
    expect((await runSequence(engine, command)).finish.cachedTokenCount).toBe(0);
  });

  it('carries log-probabilities of prompt and completion', async () => {
    const engine = await start();
    const { sampling } = commandFor([5]);
    const listener = new RecordingListener();
    engine.generate(
      commandFor(prompt(10), { sampling: { ...sampling, topLogprobs: 2, promptLogprobs: 1 } }),
      listener,
    );
    await listener.finished;
    expect(listener.promptLogprobs).toHaveLength(9);
    expect(listener.logprobs.map((logprobs) => logprobs?.topIds.length)).toEqual([2, 2, 2]);
  });

  it('ends at a stop token without emitting it', async () => {
    const engine = await start();
    const { tokens } = await runSequence(engine, commandFor(prompt(9), { maxTokens: 8 }));
    const stop = tokens[4] ?? -1;
    const before = tokens.slice(0, tokens.indexOf(stop));
    const { finish, tokens: stopped } = await runSequence(
      engine,
      commandFor(prompt(9), { maxTokens: 8, stopTokenIds: [stop] }),
    );
    expect(stopped).toEqual(before);
    expect(finish).toMatchObject({ reason: 'stop', stopTokenId: stop });
    expect(finish.completionTokenCount).toBe(before.length + 1);
  });

  it('frees the blocks of aborted sequences', async () => {
    const engine = await start();
    const listeners = Array.from({ length: 5 }, () => new RecordingListener());
    const ids = listeners.map((listener) =>
      engine.generate(commandFor(prompt(500), { maxTokens: 5000 }), listener),
    );
    await runSequence(engine, commandFor(prompt(3), { maxTokens: 4 }));
    for (const id of ids) engine.abort(id);
    await Promise.all(listeners.map(({ finished }) => finished));
    await runSequence(engine, commandFor(prompt(3, 400), { maxTokens: 4 }));
    expect(engine.stats).toMatchObject({ runningCount: 0, waitingCount: 0, blocksUsed: 0 });
    expect(listeners.map(({ finishes }) => finishes.map(({ reason }) => reason))).toEqual(
      ids.map(() => ['abort']),
    );
  });

  it('refuses alone what can never fit', async () => {
    const engine = await start('--max-model-len', '128');
    const { finish } = await runSequence(engine, commandFor(prompt(200)));
    expect(finish).toMatchObject({ reason: 'error', errorCode: 'ETAP_ERR_CONTEXT_LENGTH' });
    expect((await runSequence(engine, commandFor(prompt(20)))).finish.reason).toBe('length');
  });
});

describe('a model that cannot be loaded', () => {
  it('fails for good with the error of the executor', async () => {
    const engine = inMemoryEngine(configFrom('models', ...SIMULATED));
    open.push(engine);
    const failed = entered(engine, 'failed');
    await expect(engine.ready()).rejects.toMatchObject({
      code: 'ETAP_ERR_MODEL_CONFIG',
      message: expect.stringContaining('config.json'),
    });
    await failed;
  });
});
