/** The body limit that follows from the model: more bytes than this cannot be a prompt that fits. */
import type { LimitsConfig } from './schema.ts';

/** No token of a prompt takes more bytes of JSON than this, on average. */
const BYTES_PER_TOKEN = 16;
const BYTES_BESIDE_PROMPT = 64 * 1024;

/** Bytes of a request body, at most; `maxModelLen` is null until the model is known. */
export function bodyBytesMax(limits: LimitsConfig, maxModelLen: number | null): number {
  if (maxModelLen === null) return limits.bodyBytes;
  return Math.min(limits.bodyBytes, BYTES_PER_TOKEN * maxModelLen + BYTES_BESIDE_PROMPT);
}
