/** Broken checkpoints: each is refused with its error code, and the message names the culprit. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { EtapError } from '../../src/errors.ts';
import { NativeExecutor } from '../../src/executor/native-executor.ts';
import { CheckpointFiles } from '../support/checkpoint-files.ts';
import { hostileCheckpoints } from '../support/hostile-checkpoints.ts';

const root = mkdtempSync(join(tmpdir(), 'etap-hostile-'));
afterAll(() => rmSync(root, { recursive: true }));

const open = (modelDir: string) =>
  NativeExecutor.open({
    modelDir,
    backend: 'reference',
    isa: 'auto',
    threads: 1,
    tensorParallelSize: 1,
    kvMemoryBytes: 'auto',
    maxModelLen: 128,
    maxSequences: 1,
    stepTokenCapacity: 128,
    strict: true,
  });

const failure = (modelDir: string): Promise<unknown> =>
  open(modelDir).then(
    async (executor) => {
      await executor.close();
      return 'opened';
    },
    (error: unknown) => error,
  );

describe('sound checkpoints, the base of all damage', () => {
  it.each(['bf16', 'fp8', 'sharded'] as const)('opens %s', async (base) => {
    const folder = join(root, base);
    CheckpointFiles.sound(base).write(folder);
    const executor = await open(folder);
    await executor.close();
  });
});

describe('hostile checkpoints', () => {
  it.each(hostileCheckpoints().map((checkpoint, index) => ({ ...checkpoint, index })))(
    '$name',
    async ({ index, code, names, write }) => {
      const folder = join(root, String(index));
      write(folder);
      const error = await failure(folder);
      rmSync(folder, { recursive: true, force: true });
      expect(error).toBeInstanceOf(EtapError);
      const { code: found, message } = error as EtapError;
      expect({ code: found, message }).toEqual({ code, message });
      for (const name of names) expect(message).toContain(name);
    },
  );
});
