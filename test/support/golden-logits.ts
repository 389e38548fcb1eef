/** Reads the cases of test/golden/logits; tools/golden/README.md says what they are. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../golden/logits', import.meta.url));

export type GoldenPrompt = {
  readonly tokens: readonly number[];
  /** The continuation by argmax. */
  readonly greedy: readonly number[];
  /** [tokens, vocabulary] */
  readonly logits: Float32Array;
};

export type GoldenCase = {
  readonly name: string;
  readonly folder: string;
  readonly vocabSize: number;
  readonly headCount: number;
  readonly prompts: readonly GoldenPrompt[];
};

type GoldenFile = {
  readonly prompts: readonly {
    readonly tensor: string;
    readonly ids: readonly number[];
    readonly greedy: readonly number[];
  }[];
};

type ConfigFile = { readonly vocab_size: number; readonly num_attention_heads: number };

type Header = Readonly<Record<string, { readonly data_offsets: readonly number[] }>>;

export function goldenLogitsCases(): GoldenCase[] {
  return readdirSync(ROOT)
    .sort()
    .map((name) => readCase(name, join(ROOT, name)));
}

function readCase(name: string, folder: string): GoldenCase {
  const read = (file: string) => JSON.parse(readFileSync(join(folder, file), 'utf8'));
  const golden = read('golden.json') as GoldenFile;
  const config = read('config.json') as ConfigFile;
  const file = readFileSync(join(folder, 'logits.safetensors'));
  const dataBegin = 8 + Number(file.readBigUInt64LE());
  const header = JSON.parse(file.subarray(8, dataBegin).toString()) as Header;
  const prompts = golden.prompts.map(({ tensor, ids, greedy }) => {
    const [begin, end] = header[tensor]?.data_offsets ?? [];
    const data = file.subarray(dataBegin + (begin ?? 0), dataBegin + (end ?? 0));
    return { tokens: ids, greedy, logits: new Float32Array(Uint8Array.from(data).buffer) };
  });
  return {
    name,
    folder,
    vocabSize: config.vocab_size,
    headCount: config.num_attention_heads,
    prompts,
  };
}
