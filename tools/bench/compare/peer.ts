/** Measures llama.cpp or ik_llama.cpp with the programs they bring: llama-server and llama-batched-bench. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { randomTokens } from '../bench-sequences.ts';
import { SHAPES } from '../shapes.ts';
import type { PeerConfig } from './config.ts';
import { type RunningProgram, startProgram } from './program.ts';

const DECODE_TOKENS = 24;
const BATCH_DECODE_TOKENS = 24;
const SEED = 11;

type Timings = {
  readonly prompt_n: number;
  readonly prompt_per_second: number;
  readonly predicted_per_second: number;
};

const vocabularyOf = (model: string) => SHAPES[model.slice(0, 1)]?.vocabSize ?? 0;

function modelFile(peer: PeerConfig, model: string): string {
  const file = peer.models[model];
  if (file === undefined) throw new Error(`the configuration names no model ${model}`);
  return file;
}

export function startPeerServer(
  peer: PeerConfig,
  model: string,
  threads: number,
  extra: readonly string[],
): Promise<RunningProgram> {
  return startProgram({
    command: join(peer.bin, 'llama-server'),
    args: (port) => [
      ...['-m', modelFile(peer, model), '-t', String(threads), '-tb', String(threads)],
      ...['--host', '127.0.0.1', '--port', String(port), ...extra],
    ],
    readyPath: '/health',
  });
}

async function complete(
  url: string,
  prompt: readonly number[],
  tokens: number,
  reuse: boolean,
): Promise<Timings> {
  const response = await fetch(`${url}/completion`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      prompt,
      n_predict: tokens,
      cache_prompt: reuse,
      temperature: 0,
      top_k: 1,
      ignore_eos: true,
      id_slot: 0,
    }),
  });
  if (!response.ok) throw new Error(`llama-server: ${response.status} ${await response.text()}`);
  return ((await response.json()) as { readonly timings: Timings }).timings;
}

/** Tokens a second after `depth` tokens; the prompt stays in the server's cache between calls. */
export async function peerDecode(url: string, model: string, depth: number): Promise<number> {
  const prompt = [...randomTokens(Math.max(1, depth), vocabularyOf(model), SEED)];
  await complete(url, prompt, 2, true);
  return (await complete(url, prompt, DECODE_TOKENS, true)).predicted_per_second;
}

/** Prompt tokens a second, nothing cached. */
export async function peerPrefill(url: string, model: string, length: number): Promise<number> {
  const seed = Math.floor(performance.now());
  const prompt = [...randomTokens(length, vocabularyOf(model), seed)];
  return (await complete(url, prompt, 1, false)).prompt_per_second;
}

/** Output tokens a second of `batch` sequences that share one prompt but not their caches. */
export async function peerBatch(
  peer: PeerConfig,
  model: string,
  threads: number,
  { depth, batch }: { readonly depth: number; readonly batch: number },
): Promise<number> {
  const context = batch * (depth + BATCH_DECODE_TOKENS) + 512;
  const { stdout, stderr } = await promisify(execFile)(
    join(peer.bin, 'llama-batched-bench'),
    [
      ...['-m', modelFile(peer, model), '-t', String(threads), '-tb', String(threads)],
      ...['-c', String(context), '-npp', String(depth), '-ntg', String(BATCH_DECODE_TOKENS)],
      ...['-npl', String(batch), '-pps', ...peer.flags],
    ],
    { maxBuffer: 2 ** 26 },
  );
  // | PP | TG | B | N_KV | T_PP | S_PP | T_TG | S_TG | T | S |
  const cells = /^\|\s*\d+\s*\|.*$/m.exec(stdout + stderr)?.[0].split('|') ?? [];
  const speed = Number(cells[8]);
  if (!(speed > 0)) throw new Error(`llama-batched-bench said nothing: ${stderr.slice(-500)}`);
  return speed;
}
