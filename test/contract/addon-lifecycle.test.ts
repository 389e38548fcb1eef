/** Loading that fails, closing at odd times, and environments that end with an engine open. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/executor/addon.ts';
import type { AddonListener, AddonOptions } from '../../src/executor/addon-types.ts';
import { NativeExecutor } from '../../src/executor/native-executor.ts';
import { StepDriver } from '../support/step-driver.ts';
import { writeTinyCheckpoint } from '../support/tiny-checkpoint.ts';

const root = mkdtempSync(join(tmpdir(), 'etap-lifecycle-'));
afterAll(() => rmSync(root, { recursive: true }));

const modelDir = join(root, 'model');
writeTinyCheckpoint(modelDir);

const options = (folder: string): AddonOptions => ({
  modelFolder: folder,
  backend: 'reference',
  isa: '',
  threadCount: 1,
  tensorParallelSize: 1,
  kvMemoryBytes: 0,
  maxModelLen: 0,
  slotCount: 2,
  stepTokenCapacity: 128,
  strict: true,
});

const open = (folder: string, onProgress?: (...call: unknown[]) => void) =>
  NativeExecutor.open(
    {
      modelDir: folder,
      backend: 'reference',
      isa: 'auto',
      threads: 1,
      tensorParallelSize: 1,
      kvMemoryBytes: 'auto',
      maxModelLen: 'auto',
      maxSequences: 2,
      stepTokenCapacity: 128,
      strict: 'auto',
    },
    onProgress,
  );

/** Every event of an engine in order, until it is closed or failed. */
function events(
  folder: string,
  drive: (engine: { close(): void }) => void,
  change: Partial<AddonOptions> = {},
): Promise<string[]> {
  const { Engine } = loadAddon();
  return new Promise((resolve) => {
    const seen: string[] = [];
    const listener: AddonListener = {
      onProgress: () => {},
      onOpened: () => seen.push('opened'),
      onFailed: (error) => resolve([...seen, `failed ${error.code}`]),
      onStep: () => seen.push('step'),
      onClosed: () => resolve([...seen, 'closed']),
    };
    drive(new Engine({ ...options(folder), ...change }, listener));
  });
}

describe('loading', () => {
  it('reports progress up to the whole', async () => {
    const progress: unknown[][] = [];
    const executor = await open(modelDir, (...call) => progress.push(call));
    await executor.close();
    expect(progress[0]).toEqual(['reading the checkpoint', 0, 0]);
    const [, done, total] = progress.at(-1) ?? [];
    expect(done).toBe(total);
    expect(total).toBeGreaterThan(100_000);
  });

  it.each([
    ['a missing folder', () => join(root, 'nowhere'), 'ETAP_ERR_CHECKPOINT', 'nowhere'],
    [
      'a config of another model',
      () => damaged('config', 'config.json', '{"model_type":"llama"}'),
      'ETAP_ERR_MODEL_CONFIG',
      '"llama"',
    ],
    [
      'a cut file',
      () => damaged('weights', 'model.safetensors', 'short'),
      'ETAP_ERR_CHECKPOINT',
      'model.safetensors',
    ],
  ])('refuses %s and says where', async (_name, folder, code, part) => {
    await expect(open(folder())).rejects.toMatchObject({
      code,
      message: expect.stringContaining(part),
    });
  });

  it('refuses options out of range by name', async () => {
    const seen = events(modelDir, () => {}, { tensorParallelSize: 0 });
    expect(await seen).toEqual(['failed ETAP_ERR_CONFIG']);
  });

  it('refuses options of a wrong type by name', () => {
    const { Engine } = loadAddon();
    const wrong = { ...options(modelDir), slotCount: 'many' } as unknown as AddonOptions;
    expect(() => new Engine(wrong, {} as AddonListener)).toThrow('slotCount is many');
  });
});

describe('closing', () => {
  it('may be asked for while loading', async () => {
    expect(await events(modelDir, (engine) => engine.close())).toEqual(['closed']);
  });

  it('may be asked for twice', async () => {
    const seen = await events(modelDir, (engine) => {
      engine.close();
      engine.close();
    });
    expect(seen).toEqual(['closed']);
  });

  it('waits for the step that runs', async () => {
    const executor = await open(modelDir);
    const driver = new StepDriver(executor);
    driver.pack([{ sequence: driver.start(0, { tokens: [5, 6, 7] }) }]);
    const step = executor.execute();
    await executor.close();
    expect((await step).tokens[0]).toBeGreaterThanOrEqual(0);
    expect(() => executor.release(0)).toThrow('the engine is closed');
  });

  it('leaves the result readable', async () => {
    const executor = await open(modelDir);
    const driver = new StepDriver(executor);
    driver.pack([{ sequence: driver.start(0, { tokens: [5, 6, 7] }) }]);
    const result = await executor.execute();
    const token = result.tokens[0];
    await executor.close();
    expect(result.tokens[0]).toBe(token);
  });
});

describe('one step at a time', () => {
  it('refuses a second step while one runs', async () => {
    const executor = await open(modelDir);
    const driver = new StepDriver(executor);
    driver.pack([{ sequence: driver.start(0, { tokens: [5, 6, 7] }) }]);
    const step = executor.execute();
    await expect(executor.execute()).rejects.toMatchObject({ code: 'ETAP_ERR_INTERNAL' });
    expect((await step).finite[0]).toBe(1);
    await executor.close();
  });
});

describe('a worker', () => {
  const addonPath = fileURLToPath(new URL('../../build/native/etap.node', import.meta.url));
  const worker = (body: string) =>
    new Worker(
      `const { parentPort } = require('node:worker_threads');
       const { Engine } = require(${JSON.stringify(addonPath)});
       const listener = {
         onProgress() {}, onFailed(error) { throw error; }, onStep() {}, onClosed() {},
         onOpened(opened) { parentPort.postMessage(opened.info.vocabSize); },
       };
       globalThis.engine = new Engine(${JSON.stringify(options(modelDir))}, listener);
       ${body}`,
      { eval: true },
    );
  const exitOf = (each: Worker) =>
    new Promise<number>((resolve, reject) => {
      each.on('exit', resolve);
      each.on('error', reject);
    });

  it('may end with an engine open', async () => {
    const opened = worker('setInterval(() => {}, 1000);');
    const exit = exitOf(opened);
    await new Promise((resolve) => opened.once('message', resolve));
    await opened.terminate();
    expect(await exit).toBe(1);
  });

  it('may end while an engine loads', async () => {
    expect(await exitOf(worker('process.exit(3);'))).toBe(3);
  });

  it('may have engines beside those of other workers', async () => {
    const workers = [
      worker('setInterval(() => {}, 1000);'),
      worker('setInterval(() => {}, 1000);'),
    ];
    const sizes = workers.map((each) => new Promise((resolve) => each.once('message', resolve)));
    expect(await Promise.all(sizes)).toEqual([160, 160]);
    await Promise.all(workers.map((each) => each.terminate()));
  });
});

/** A copy of the model with one file replaced. */
function damaged(name: string, file: string, content: string): string {
  const folder = join(root, name);
  writeTinyCheckpoint(folder);
  writeFileSync(join(folder, file), content);
  return folder;
}
