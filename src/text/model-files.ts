/** Reads the text side of a checkpoint folder: tokenizer, template and generation defaults. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { EtapError } from '../errors.ts';
import type { GenerationDefaults } from './text-model.ts';
import type { TokenizerJson } from './vocabulary.ts';

/** The largest known tokenizer.json is under 40 MB. */
const FILE_BYTES_MAX = 128 * 1024 * 1024;

type JsonObject = Readonly<Record<string, unknown>>;

export type ModelFiles = {
  readonly tokenizer: TokenizerJson;
  readonly bosToken: string | null;
  readonly eosToken: string | null;
  readonly addBosToken: boolean;
  readonly chatTemplate: string | null;
  readonly eosTokenIds: readonly number[];
  readonly defaults: GenerationDefaults;
};

/** Throws EtapError ETAP_ERR_TOKENIZER naming the file. */
export function readModelFiles(folder: string): ModelFiles {
  const tokenizer = readJson(folder, 'tokenizer.json');
  if (tokenizer === null) {
    throw new EtapError(
      'ETAP_ERR_TOKENIZER',
      `tokenizer.json is missing in ${folder}; download the model's whole folder`,
    );
  }
  const config = readJson(folder, 'tokenizer_config.json') ?? {};
  const generation = readJson(folder, 'generation_config.json') ?? {};
  const model = readJson(folder, 'config.json') ?? {};
  return {
    // The vocabulary's own checks follow when it is built.
    tokenizer: tokenizer as unknown as TokenizerJson,
    bosToken: tokenContent(config.bos_token),
    eosToken: tokenContent(config.eos_token),
    addBosToken: config.add_bos_token === true,
    chatTemplate: readChatTemplate(folder, config),
    eosTokenIds: [
      ...new Set([...tokenIds(generation.eos_token_id), ...tokenIds(model.eos_token_id)]),
    ],
    defaults: generationDefaults(generation),
  };
}

function readText(folder: string, name: string): string | null {
  const path = join(folder, name);
  if (!existsSync(path)) return null;
  const { size } = statSync(path);
  if (size > FILE_BYTES_MAX) {
    throw new EtapError(
      'ETAP_ERR_TOKENIZER',
      `${path} has ${size} bytes; at most ${FILE_BYTES_MAX} are read`,
    );
  }
  return readFileSync(path, 'utf8');
}

function readJson(folder: string, name: string): JsonObject | null {
  const text = readText(folder, name);
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as JsonObject;
    }
  } catch (error) {
    throw new EtapError('ETAP_ERR_TOKENIZER', `${join(folder, name)} is not JSON: ${error}`);
  }
  throw new EtapError('ETAP_ERR_TOKENIZER', `${join(folder, name)} must hold a JSON object`);
}

/** A token is written as a string, or as an object with its content. */
function tokenContent(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null || !('content' in value)) return null;
  return typeof value.content === 'string' ? value.content : null;
}

function tokenIds(value: unknown): number[] {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.filter((id): id is number => Number.isInteger(id));
}

/** `chat_template.jinja`, or the config's template: one string, or a list with one named default. */
function readChatTemplate(folder: string, config: JsonObject): string | null {
  const file = readText(folder, 'chat_template.jinja');
  if (file !== null) return file;
  const template = config.chat_template;
  if (typeof template === 'string') return template;
  if (!Array.isArray(template)) return null;
  const named = template.find((item) => item?.name === 'default') ?? template[0];
  return typeof named?.template === 'string' ? named.template : null;
}

function generationDefaults(generation: JsonObject): GenerationDefaults {
  // Without do_sample, Hugging Face means greedy whatever the temperature; servers do not read it so.
  const named = {
    temperature: generation.temperature,
    topP: generation.top_p,
    topK: generation.top_k,
    repetitionPenalty: generation.repetition_penalty,
  };
  const given = Object.entries(named).filter(([, value]) => Number.isFinite(value));
  return Object.fromEntries(given) as GenerationDefaults;
}
