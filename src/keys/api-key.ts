/** One API key as the server knows it: never the key itself, only its digest. */
import { createHash } from 'node:crypto';

/** What a key may do. */
export const KEY_SCOPES = ['infer', 'metrics', 'admin'] as const;
export type KeyScope = (typeof KEY_SCOPES)[number];

/** Names of keys and tenants: they appear in logs and metrics. */
export const KEY_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** What a key may use; null is without limit. */
export type KeyLimits = {
  readonly requestsPerMinute: number | null;
  /** Prompt and completion tokens together. */
  readonly tokensPerMinute: number | null;
  /** Requests open at a time. */
  readonly concurrentRequests: number | null;
};

export type ApiKey = {
  /** SHA-256 of the key. */
  readonly digest: Buffer;
  /** Stands for the key in the log. */
  readonly name: string;
  /** Who pays: fair shares and the prefix cache are kept apart by tenant. */
  readonly tenant: string;
  readonly scopes: readonly KeyScope[];
  /** Priority class of its requests, 0 (first) to 7 (last); a request may only ask for a later one. */
  readonly priority: number | null;
  readonly limits: KeyLimits;
  /** Milliseconds since 1970 from which on it is refused. */
  readonly expiresAtMs: number | null;
};

export const digestOf = (key: string): Buffer => createHash('sha256').update(key).digest();

/** Name of a key that was given none: tells keys apart without telling them. */
export const nameOfDigest = (digest: Buffer): string => `key-${digest.toString('hex', 0, 8)}`;

/** A key that may do everything, within the limits that hold for all keys. */
export function plainKey(key: string, limits: KeyLimits): ApiKey {
  const digest = digestOf(key);
  const name = nameOfDigest(digest);
  return {
    digest,
    name,
    tenant: name,
    scopes: KEY_SCOPES,
    priority: null,
    limits,
    expiresAtMs: null,
  };
}
