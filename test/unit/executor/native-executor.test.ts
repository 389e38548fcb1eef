import { describe, expect, it } from 'vitest';
import type {
  AddonEngine,
  AddonListener,
  AddonOpened,
  AddonOptions,
} from '../../../src/executor/addon-types.ts';
import {
  NativeExecutor,
  type NativeExecutorOptions,
} from '../../../src/executor/native-executor.ts';

const OPTIONS: NativeExecutorOptions = {
  modelDir: '/model',
  backend: 'auto',
  isa: 'auto',
  threads: 'auto',
  tensorParallelSize: 1,
  kvMemoryBytes: 'auto',
  maxModelLen: 'auto',
  maxSequences: 'auto',
  stepTokenCapacity: 'auto',
  strict: 'auto',
};

const OPENED: AddonOpened = {
  info: {
    backend: 'cpu',
    isa: 'scalar',
    dtype: 'bf16',
    layerCount: 1,
    vocabSize: 32,
    maxModelLen: 64,
    blockCount: 2,
    slotCount: 1,
    stepTokenCapacity: 16,
    kvBytesPerToken: 1,
    weightBytes: 1,
    threadCount: 1,
    tensorParallelSize: 1,
  },
  arena: new ArrayBuffer(13 * 64),
  extents: Array.from({ length: 13 }, (_, index) => [index * 64, index === 12 ? 8 : 16] as const),
  blockSize: 64,
  topLogprobsMax: 20,
  sequenceFields: 8,
  deltaFields: 3,
  profileFields: 8,
};

type FakeEngine = AddonEngine & { readonly calls: unknown[][] };

/** An addon whose engine does what `behave` says when it is made, and records its calls. */
function fakeAddon(behave: (listener: AddonListener, options: AddonOptions) => void) {
  const engines: FakeEngine[] = [];
  class Engine implements FakeEngine {
    readonly calls: unknown[][] = [];
    readonly listener: AddonListener;
    constructor(options: AddonOptions, listener: AddonListener) {
      this.listener = listener;
      engines.push(this);
      queueMicrotask(() => behave(listener, options));
    }
    admit(...call: unknown[]) {
      this.calls.push(call);
      throw Object.assign(new Error('topK is -1'), { code: 'ETAP_ERR_INVALID_REQUEST' });
    }
    release() {
      throw new Error('something odd');
    }
    submit(...call: unknown[]) {
      this.calls.push(call);
      const [sequence] = call;
      queueMicrotask(() => this.listener.onStep(Number(sequence), 250, null));
    }
    close() {
      queueMicrotask(() => this.listener.onClosed());
    }
  }
  return { addon: { Engine, cpuFeatures: () => ['scalar'] }, engines };
}

describe('NativeExecutor', () => {
  it('passes auto as 0, empty and null, and reports progress', async () => {
    let seen: AddonOptions | undefined;
    const progress: unknown[] = [];
    const { addon } = fakeAddon((listener, options) => {
      seen = options;
      listener.onProgress('loading weights', 1, 2);
      listener.onOpened(OPENED);
    });
    await NativeExecutor.open(OPTIONS, (...call) => progress.push(call), addon);
    expect(seen).toEqual({
      modelFolder: '/model',
      backend: 'auto',
      isa: '',
      threadCount: 0,
      tensorParallelSize: 1,
      kvMemoryBytes: 0,
      maxModelLen: 0,
      slotCount: 0,
      stepTokenCapacity: 0,
      strict: null,
    });
    expect(progress).toEqual([['loading weights', 1, 2]]);
  });

  it('submits the counts of the batch and gives back the result in place', async () => {
    const { addon, engines } = fakeAddon((listener) => listener.onOpened(OPENED));
    const executor = await NativeExecutor.open(OPTIONS, undefined, addon);
    Object.assign(executor.batch, { sequenceCount: 1, tokenCount: 5, deltaCount: 2 });
    new Int32Array(OPENED.arena, 4 * 64, 1)[0] = 17;
    const result = await executor.execute();
    expect(engines[0]?.calls).toEqual([[1, 1, 5, 2]]);
    expect(result.tokens[0]).toBe(17);
    expect(result.stepMicros).toBe(250);
    expect(await executor.execute()).toBe(result);
    await executor.close();
  });

  it('turns native errors into EtapErrors, unknown ones into ETAP_ERR_INTERNAL', async () => {
    const failing = fakeAddon((listener) =>
      listener.onFailed(Object.assign(new Error('no such file'), { code: 'ETAP_ERR_CHECKPOINT' })),
    );
    await expect(NativeExecutor.open(OPTIONS, undefined, failing.addon)).rejects.toMatchObject({
      name: 'EtapError',
      code: 'ETAP_ERR_CHECKPOINT',
      message: 'no such file',
    });
    const { addon } = fakeAddon((listener) => listener.onOpened(OPENED));
    const executor = await NativeExecutor.open(OPTIONS, undefined, addon);
    expect(() => executor.release(0)).toThrow(
      expect.objectContaining({ code: 'ETAP_ERR_INTERNAL', message: 'something odd' }),
    );
  });

  it('refuses an addon that was built with other numbers, and closes it', async () => {
    const { addon } = fakeAddon((listener) => listener.onOpened({ ...OPENED, blockSize: 32 }));
    await expect(NativeExecutor.open(OPTIONS, undefined, addon)).rejects.toMatchObject({
      code: 'ETAP_ERR_ADDON',
      message: expect.stringContaining('BLOCK_SIZE 32, this version has 64'),
    });
  });
});
