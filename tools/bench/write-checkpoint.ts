/** Writes a checkpoint with random weights in the DeepSeek format: right sizes, right layout, no meaning. */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { ValuePool } from './random-values.ts';
import {
  type BenchDtype,
  type BenchShape,
  modelConfig,
  type TensorSpec,
  tensorSpecs,
} from './shapes.ts';
import { benchTokenizer } from './tokenizer.ts';

const SEED = 1234;
const SCALE_BLOCK = 128;
/** bf16 of 1.0 */
const ONE_BF16 = 0x3f80;

type FileTensor = {
  readonly name: string;
  readonly dtype: 'BF16' | 'F8_E4M3' | 'F32';
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly data: () => Iterable<Buffer>;
};

const count = (shape: readonly number[]) => shape.reduce((product, dim) => product * dim, 1);

function fileTensors(spec: TensorSpec, dtype: BenchDtype, pool: ValuePool): FileTensor[] {
  const values = count(spec.shape);
  if (spec.kind === 'ones') {
    const ones = Buffer.from(new Uint16Array(values).fill(ONE_BF16).buffer);
    return [{ ...spec, dtype: 'BF16', bytes: 2 * values, data: () => [ones] }];
  }
  if (dtype === 'bf16' || spec.kind === 'random') {
    return [{ ...spec, dtype: 'BF16', bytes: 2 * values, data: () => pool.window(values, 2) }];
  }
  const scaleShape = spec.shape.map((dim) => Math.ceil(dim / SCALE_BLOCK));
  const scales = Buffer.from(new Float32Array(count(scaleShape)).fill(ValuePool.FP8_SCALE).buffer);
  const name = `${spec.name}_scale_inv`;
  return [
    { ...spec, dtype: 'F8_E4M3', bytes: values, data: () => pool.window(values, 1) },
    { name, shape: scaleShape, dtype: 'F32', bytes: scales.length, data: () => [scales] },
  ];
}

function safetensorsHeader(tensors: readonly FileTensor[]): Buffer {
  let offset = 0;
  const entries = tensors.map(({ name, dtype, shape, bytes }) => {
    const entry = { dtype, shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
    return [name, entry] as const;
  });
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, ' ');
  json.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded]);
}

/** Writes `folder` unless it is there already; a half-written one is never left under its name. */
export function writeCheckpoint(shape: BenchShape, dtype: BenchDtype, folder: string): void {
  if (existsSync(folder)) return;
  const unfinished = `${folder}.unfinished`;
  mkdirSync(unfinished, { recursive: true });
  const pool = new ValuePool(SEED);
  const tensors = tensorSpecs(shape).flatMap((spec) => fileTensors(spec, dtype, pool));
  const file = openSync(join(unfinished, 'model.safetensors'), 'w');
  writeSync(file, safetensorsHeader(tensors));
  for (const { data } of tensors) for (const piece of data()) writeSync(file, piece);
  closeSync(file);
  const json = {
    'config.json': modelConfig(shape, dtype),
    'generation_config.json': { eos_token_id: shape.vocabSize - 1 },
    ...benchTokenizer(shape.vocabSize),
  };
  for (const [name, content] of Object.entries(json)) {
    writeFileSync(join(unfinished, name), JSON.stringify(content));
  }
  renameSync(unfinished, folder);
}
