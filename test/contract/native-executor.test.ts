import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { NativeExecutor } from '../../src/executor/native-executor.ts';
import { writeTinyCheckpoint } from '../support/tiny-checkpoint.ts';
import { describeExecutorContract } from './executor.contract.ts';

const root = mkdtempSync(join(tmpdir(), 'etap-contract-'));
afterAll(() => rmSync(root, { recursive: true }));

const NAN_TOKEN = 99;

type Variant = {
  readonly name: string;
  readonly backend: 'cpu' | 'reference';
  readonly tensorParallelSize: number;
  readonly checkpoint: Parameters<typeof writeTinyCheckpoint>[1];
};

const variants: readonly Variant[] = [
  { name: 'cpu', backend: 'cpu', tensorParallelSize: 1, checkpoint: {} },
  {
    name: 'cpu, two ranks, FP8, two shards',
    backend: 'cpu',
    tensorParallelSize: 2,
    checkpoint: { weights: 'fp8', shardCount: 2 },
  },
  { name: 'reference', backend: 'reference', tensorParallelSize: 1, checkpoint: {} },
  {
    name: 'reference, two ranks, FP8, two shards',
    backend: 'reference',
    tensorParallelSize: 2,
    checkpoint: { weights: 'fp8', shardCount: 2 },
  },
  {
    name: 'reference, V2 with direct queries',
    backend: 'reference',
    tensorParallelSize: 1,
    checkpoint: { modelType: 'deepseek_v2', qLoraRank: null },
  },
];

for (const [index, variant] of variants.entries()) {
  const folder = join(root, String(index));
  writeTinyCheckpoint(folder, variant.checkpoint);
  const nanFolder = join(root, `${index}-nan`);
  writeTinyCheckpoint(nanFolder, { ...variant.checkpoint, nanTokenId: NAN_TOKEN });
  const open = (modelDir: string) =>
    NativeExecutor.open({
      modelDir,
      backend: variant.backend,
      isa: 'auto',
      threads: 2,
      tensorParallelSize: variant.tensorParallelSize,
      kvMemoryBytes: 'auto',
      maxModelLen: 512,
      maxSequences: 4,
      stepTokenCapacity: 128,
      strict: true,
    });
  describeExecutorContract(`native (${variant.name})`, {
    open: () => open(folder),
    nan: { open: () => open(nanFolder), tokenId: NAN_TOKEN },
  });
}
