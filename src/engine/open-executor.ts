/** Opens the executor that the configuration names; runs in the engine process. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EtapError } from '../errors.ts';
import {
  BLOCK_SIZE,
  type Executor,
  NativeExecutor,
  realTime,
  rooflineCost,
  SimulatedExecutor,
} from '../executor/index.ts';
import type { HostConfig } from './engine-process.ts';

export type LoadListener = (stage: string, doneBytes: number, totalBytes: number) => void;

/** Rejects with EtapError when the model cannot be loaded. */
export async function openExecutor(
  config: HostConfig,
  onProgress: LoadListener,
): Promise<Executor> {
  return config.engine.executor === 'native'
    ? NativeExecutor.open(nativeOptions(config), onProgress)
    : openSimulated(config);
}

function nativeOptions({ model, engine }: HostConfig) {
  return {
    modelDir: modelFolder(model),
    backend: engine.backend,
    isa: engine.isa,
    threads: engine.threads ?? 'auto',
    tensorParallelSize: engine.tensorParallelSize,
    kvMemoryBytes: engine.kvMemoryBytes ?? 'auto',
    maxModelLen: model.maxModelLen ?? 'auto',
    maxSequences: engine.maxSequences ?? 'auto',
    stepTokenCapacity: engine.stepTokenCapacity ?? 'auto',
    strict: engine.strict ?? 'auto',
  } as const;
}

/** What the simulated executor has where the configuration leaves it open. */
const SIMULATED = {
  blockCount: 4096,
  kvBytesPerToken: 4,
  slotCount: 256,
  stepTokenCapacity: 8192,
} as const;

/** Tokens of the model's vocabulary, but no model; steps take as long as on an H20 node. */
function openSimulated({ model, engine }: HostConfig): SimulatedExecutor {
  const { vocabSize, contextLength } = readModelShape(modelFolder(model));
  const blockBytes = BLOCK_SIZE * SIMULATED.kvBytesPerToken;
  const { kvMemoryBytes } = engine;
  return new SimulatedExecutor({
    vocabSize,
    maxModelLen: model.maxModelLen ?? contextLength,
    blockCount:
      kvMemoryBytes === null ? SIMULATED.blockCount : Math.floor(kvMemoryBytes / blockBytes),
    slotCount: engine.maxSequences ?? SIMULATED.slotCount,
    stepTokenCapacity: engine.stepTokenCapacity ?? SIMULATED.stepTokenCapacity,
    strict: engine.strict ?? true,
    verifyReads: false,
    cost: rooflineCost,
    passTime: realTime(),
  });
}

function modelFolder({ dir }: HostConfig['model']): string {
  if (dir === null) throw new EtapError('ETAP_ERR_CONFIG', 'model.dir: no model was given');
  return dir;
}

function readModelShape(folder: string): { vocabSize: number; contextLength: number } {
  const path = join(folder, 'config.json');
  const shape = readJson(path);
  return {
    vocabSize: positiveField(shape, 'vocab_size', path),
    contextLength: positiveField(shape, 'max_position_embeddings', path),
  };
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new EtapError('ETAP_ERR_MODEL_CONFIG', `${path}: cannot read it: ${reason}`);
  }
}

function positiveField(shape: unknown, name: string, path: string): number {
  const value = (shape as Readonly<Record<string, unknown>> | null)?.[name];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
  throw new EtapError(
    'ETAP_ERR_MODEL_CONFIG',
    `${path}: found ${name} = ${JSON.stringify(value)}, allowed is a positive integer`,
  );
}
