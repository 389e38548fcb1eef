/** Makes a key: it is shown once, and the key file holds its digest alone. */
import { randomBytes } from 'node:crypto';
import { digestOf } from './api-key.ts';

const KEY_BYTES = 32;

export type NewKey = {
  readonly key: string;
  /** Lines for the list `keys` of the key file. */
  readonly entry: string;
};

export function newKey(name: string): NewKey {
  const key = `sk-${randomBytes(KEY_BYTES).toString('base64url')}`;
  const entry = `  - name: ${name}\n    sha256: ${digestOf(key).toString('hex')}\n    scopes: [infer]`;
  return { key, entry };
}
