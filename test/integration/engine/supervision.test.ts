/** The parent half of the engine over scripted engine processes that crash, hang and refuse. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Config } from '../../../src/config/index.ts';
import type { SupervisedEngine } from '../../../src/engine/index.ts';
import {
  CRASH,
  commandFor,
  configFrom,
  entered,
  NEVER_ENDS,
  RecordingListener,
  runSequence,
  type ScriptedStart,
  STOP_SELF,
  STUCK_STEP,
  scriptedEngine,
} from '../../support/engine-fixtures.ts';

const QUICK = ['--engine.restartBackoffMs', '1'];
const open: SupervisedEngine[] = [];

function start(config: Config, ...starts: ScriptedStart[]) {
  const scripted = scriptedEngine(config, ...starts);
  open.push(scripted.engine);
  return scripted;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((engine) => engine.close()));
});

/** Whether a process with this id exists. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a working engine', () => {
  it('loads, proves itself, and runs sequences', async () => {
    const { engine } = start(configFrom());
    const progress: string[] = [];
    engine.onProgress(({ stage }) => progress.push(stage));
    expect(engine.state).toBe('loading');
    expect(() => engine.generate(commandFor([9]), new RecordingListener())).toThrow(
      expect.objectContaining({ code: 'ETAP_ERR_ENGINE_NOT_READY' }),
    );
    const info = await engine.ready();
    expect(info.backend).toBe('scripted');
    expect(engine.state).toBe('ready');
    expect(progress).toEqual(['weights']);
    const results = await Promise.all(
      [1, 2, 3].map((maxTokens) => runSequence(engine, commandFor([9], { maxTokens }))),
    );
    expect(results.map(({ tokens }) => tokens)).toEqual([[100], [100, 101], [100, 101, 102]]);
    expect(results.map(({ finish }) => finish.reason)).toEqual(['length', 'length', 'length']);
    expect(engine.stats?.stepCount).toBeGreaterThan(0);
  });

  it('gives log-probabilities to the sequences that asked for them', async () => {
    const { engine } = start(configFrom());
    await engine.ready();
    const asking = new RecordingListener();
    const other = new RecordingListener();
    const { sampling } = commandFor([9]);
    engine.generate(commandFor([9], { sampling: { ...sampling, topLogprobs: 1 } }), asking);
    engine.generate(commandFor([9]), other);
    await Promise.all([asking.finished, other.finished]);
    expect(asking.logprobs.map((logprobs) => logprobs?.logprob)).toEqual([-1, -1, -1]);
    expect(other.logprobs).toEqual([null, null, null]);
  });

  it('ends an aborted sequence at once, exactly once, and drops its late tokens', async () => {
    const { engine } = start(configFrom());
    await engine.ready();
    let tokensAtAbort = -1;
    const listener: RecordingListener = new RecordingListener(() => {
      if (listener.tokens.length === 2) {
        engine.abort(id);
        tokensAtAbort = listener.tokens.length;
        expect(listener.finishes).toHaveLength(1);
      }
    });
    const id = engine.generate(commandFor([NEVER_ENDS], { maxTokens: 999 }), listener);
    const finish = await listener.finished;
    await runSequence(engine, commandFor([9], { maxTokens: 20 }));
    expect(finish).toMatchObject({
      id,
      reason: 'abort',
      completionTokenCount: 2,
      queuedMs: 3,
      cachedTokenCount: 5,
    });
    expect(listener.tokens).toHaveLength(tokensAtAbort);
    engine.abort(id);
    expect(listener.finishes).toHaveLength(1);
  });

  it('aborts a sequence that was not sent yet', async () => {
    const { engine } = start(configFrom());
    await engine.ready();
    const listener = new RecordingListener();
    engine.abort(engine.generate(commandFor([CRASH]), listener));
    expect((await listener.finished).reason).toBe('abort');
    expect((await runSequence(engine, commandFor([9]))).finish.reason).toBe('length');
    expect(engine.restartCount).toBe(0);
  });

  it('refuses more sequences than the queue holds', async () => {
    const { engine } = start(configFrom('--limits.queueLength', '2'));
    await engine.ready();
    const listeners = [new RecordingListener(), new RecordingListener()];
    const ids = listeners.map((listener) => engine.generate(commandFor([NEVER_ENDS]), listener));
    expect(() => engine.generate(commandFor([9]), new RecordingListener())).toThrow(
      expect.objectContaining({
        code: 'ETAP_ERR_QUEUE_FULL',
        message: expect.stringContaining('limits.queueLength allows 2'),
      }),
    );
    engine.abort(ids[0] ?? -1);
    expect((await runSequence(engine, commandFor([9]))).finish.reason).toBe('length');
    engine.abort(ids[1] ?? -1);
    await engine.idle();
  });

  it('keeps other sequences going when a listener throws', async () => {
    const { engine, listenerErrors } = start(configFrom());
    await engine.ready();
    const bad = new RecordingListener(() => {
      throw new Error('listener broke');
    });
    engine.generate(commandFor([9]), bad);
    const { tokens } = await runSequence(engine, commandFor([9]));
    await bad.finished;
    expect(tokens).toEqual([100, 101, 102]);
    expect(listenerErrors).toHaveLength(3);
  });

  it('ends open sequences and its process when it is closed', async () => {
    const { engine } = start(configFrom());
    await engine.ready();
    const pid = engine.pid ?? 0;
    const listener = new RecordingListener();
    engine.generate(commandFor([NEVER_ENDS]), listener);
    const waiting = engine.idle();
    await engine.close();
    await waiting;
    expect((await listener.finished).errorCode).toBe('ETAP_ERR_SHUTTING_DOWN');
    expect(engine.state).toBe('stopped');
    expect(isAlive(pid)).toBe(false);
    expect(() => engine.generate(commandFor([9]), new RecordingListener())).toThrow(
      expect.objectContaining({ code: 'ETAP_ERR_SHUTTING_DOWN' }),
    );
    await expect(engine.ready()).rejects.toMatchObject({ code: 'ETAP_ERR_SHUTTING_DOWN' });
  });
});

describe('an engine process that is lost', () => {
  it.each([
    ['crashes', CRASH, [], /signal SIGKILL/],
    ['stops answering', STOP_SELF, ['--engine.heartbeatTimeoutMs', '200'], /no heartbeat/],
    ['has a step that never ends', STUCK_STEP, ['--engine.stepDeadlineMs', '100'], /a step ran/],
  ])('%s: open sequences end with an error and it is started again', async (...row) => {
    const [, order, flags, message] = row;
    const config = configFrom(...QUICK, '--engine.heartbeatMs', '10', ...flags);
    const { engine } = start(config);
    await engine.ready();
    const pid = engine.pid ?? 0;
    const reasons: (string | null)[] = [];
    engine.onStateChange((state, reason) => reasons.push(state, reason));
    const bystander = new RecordingListener();
    engine.generate(commandFor([NEVER_ENDS]), bystander);
    const { finish } = await runSequence(engine, commandFor([order]));
    expect(finish).toMatchObject({ reason: 'error', errorCode: 'ETAP_ERR_ENGINE_LOST' });
    expect(finish.errorMessage).toMatch(message);
    expect((await bystander.finished).errorCode).toBe('ETAP_ERR_ENGINE_LOST');
    expect(engine.state).toBe('restarting');
    expect(engine.stats).toBeNull();
    await engine.ready();
    expect(isAlive(pid)).toBe(false);
    expect(engine.restartCount).toBe(1);
    expect(reasons).toEqual(['restarting', 'ETAP_ERR_ENGINE_LOST', 'ready', null]);
    expect((await runSequence(engine, commandFor([9]))).tokens).toEqual([100, 101, 102]);
  });

  it('is not one when it was this process that stalled', async () => {
    const flags = ['--engine.heartbeatMs', '10', '--engine.heartbeatTimeoutMs', '100'];
    const { engine } = start(configFrom(...QUICK, ...flags));
    await engine.ready();
    const untilMs = performance.now() + 300;
    while (performance.now() < untilMs);
    expect((await runSequence(engine, commandFor([9]))).finish.reason).toBe('length');
    expect(engine.restartCount).toBe(0);
  });

  it('fails for good when the restart limit is reached', async () => {
    const { engine } = start(configFrom(...QUICK, '--engine.restartLimit', '2'));
    await engine.ready();
    const failed = entered(engine, 'failed');
    for (const expected of ['restarting', 'restarting', 'failed']) {
      const { finish } = await runSequence(engine, commandFor([CRASH]));
      expect(finish.errorCode).toBe('ETAP_ERR_ENGINE_LOST');
      expect(engine.state).toBe(expected);
      if (expected === 'restarting') await engine.ready();
    }
    await failed;
    expect(engine.restartCount).toBe(2);
    await expect(engine.ready()).rejects.toMatchObject({ code: 'ETAP_ERR_ENGINE_LOST' });
  });

  it('counts restarts whose load fails', async () => {
    const config = configFrom(...QUICK, '--engine.restartLimit', '2');
    const { engine } = start(config, 'serve', 'load-fails', 'canary-fails');
    await engine.ready();
    const failed = entered(engine, 'failed');
    await runSequence(engine, commandFor([CRASH]));
    await failed;
    expect(engine.restartCount).toBe(2);
    expect(engine.lastError).toMatchObject({ code: 'ETAP_ERR_NAN_LOGITS' });
  });

  it('can be closed while it waits for a restart', async () => {
    const { engine } = start(configFrom('--engine.restartBackoffMs', '60000'));
    await engine.ready();
    await runSequence(engine, commandFor([CRASH]));
    await engine.close();
    expect(engine.state).toBe('stopped');
    expect(engine.pid).toBeNull();
  });
});

describe('a first start that fails is final', () => {
  it.each([
    ['load-fails', 'ETAP_ERR_CHECKPOINT', /no such folder/, []],
    ['load-crashes', 'ETAP_ERR_ENGINE_LOST', /signal SIGKILL/, []],
    ['load-hangs', 'ETAP_ERR_ENGINE_LOST', /loadTimeoutMs/, ['--engine.loadTimeoutMs', '1000']],
    ['canary-fails', 'ETAP_ERR_NAN_LOGITS', /first step after the start/, []],
  ] as const)('%s', async (scriptedStart, code, message, flags) => {
    const { engine } = start(configFrom(...QUICK, ...flags), scriptedStart);
    await expect(engine.ready()).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect(engine.state).toBe('failed');
    expect(engine.restartCount).toBe(0);
    expect(() => engine.generate(commandFor([9]), new RecordingListener())).toThrow(
      expect.objectContaining({ code: 'ETAP_ERR_ENGINE_NOT_READY' }),
    );
  });
});
