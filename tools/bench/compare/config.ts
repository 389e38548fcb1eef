/** Where the peers are and with which flags they are at their best: a JSON file of the user's. */
import { readFileSync } from 'node:fs';

export type PeerName = 'llama.cpp' | 'ik_llama.cpp';

export type PeerConfig = {
  /** Folder with llama-server and llama-batched-bench. */
  readonly bin: string;
  /** GGUF files by shape and type, e.g. "S-bf16", "S-q8_0", "M-bf16". */
  readonly models: Readonly<Record<string, string>>;
  /** For decoding and serving, and what to use instead for prefill. */
  readonly flags: readonly string[];
  readonly prefillFlags: readonly string[];
};

export type CompareConfig = {
  readonly peers: Readonly<Record<PeerName, PeerConfig>>;
  /** Results are kept here, so that a run goes on where it was stopped. */
  readonly results: string;
};

export function loadCompareConfig(file: string): CompareConfig {
  return JSON.parse(readFileSync(file, 'utf8')) as CompareConfig;
}
