/** Finds the key a client sent, and keeps what each has used. */
import { timingSafeEqual } from 'node:crypto';
import type { Config } from '../config/index.ts';
import { EtapError } from '../errors.ts';
import { Account } from './account.ts';
import { type ApiKey, digestOf, type KeyScope, plainKey } from './api-key.ts';
import { checkKey, readKeyFile } from './key-file.ts';

/** Who a request comes from, as far as its key tells. */
export type Caller = {
  /** Stands for the key in the log; '' when the server has no keys. */
  readonly name: string;
  readonly tenant: string;
  readonly scopes: readonly KeyScope[];
  /** Best priority class its requests get; null: they choose. */
  readonly priority: number | null;
  readonly account: Account;
};

const NO_LIMITS = { requestsPerMinute: null, tokensPerMinute: null, concurrentRequests: null };

/** Every key of the configuration and of its key file. Throws ETAP_ERR_CONFIG. */
export function readApiKeys({ server, limits }: Config): readonly ApiKey[] {
  const defaults = {
    requestsPerMinute: limits.keyRequestsPerMinute,
    tokensPerMinute: limits.keyTokensPerMinute,
    concurrentRequests: limits.keyConcurrentRequests,
  };
  const plain = server.apiKeys.map((key) => plainKey(checkKey(key), defaults));
  const fromFile = server.apiKeyFile === null ? [] : readKeyFile(server.apiKeyFile, defaults);
  // The file says more about a key than the configuration can.
  const byDigest = new Map([...plain, ...fromFile].map((key) => [key.digest.toString('hex'), key]));
  return [...byDigest.values()];
}

export class KeyRing {
  readonly #now: () => number;
  readonly #unixMs: () => number;
  readonly #accounts = new Map<string, Account>();
  readonly #anonymous: Caller;
  #keys: readonly ApiKey[] = [];

  /**
   * Without keys everyone may do everything.
   * @param clock `now`: milliseconds that only grow; `unixMs`: milliseconds since 1970
   */
  constructor(
    keys: readonly ApiKey[],
    clock: { readonly now: () => number; readonly unixMs: () => number },
  ) {
    this.#now = clock.now;
    this.#unixMs = clock.unixMs;
    this.#anonymous = {
      name: '',
      tenant: '',
      scopes: ['infer', 'metrics', 'admin'],
      priority: null,
      account: new Account(NO_LIMITS, this.#now),
    };
    this.replace(keys);
  }

  get size(): number {
    return this.#keys.length;
  }

  /** Who comes without a key, where none is asked for. */
  get anonymous(): Caller {
    return this.#anonymous;
  }

  /** From now on these keys hold; what a key that stays has used is not forgotten. */
  replace(keys: readonly ApiKey[]): void {
    const kept = new Set(keys.map(({ digest }) => digest.toString('hex')));
    for (const id of this.#accounts.keys()) if (!kept.has(id)) this.#accounts.delete(id);
    for (const { digest, limits } of keys)
      this.#accounts.get(digest.toString('hex'))?.setLimits(limits);
    this.#keys = keys;
  }

  /** @param key null: none was sent. Throws EtapError ETAP_ERR_UNAUTHORIZED. */
  identify(key: string | null): Caller {
    if (this.#keys.length === 0) return this.#anonymous;
    if (key === null) {
      throw unauthorized('no API key was sent; send the header `Authorization: Bearer KEY`');
    }
    const found = this.#find(digestOf(key));
    if (found === null) {
      throw unauthorized('the API key is not known here; use one that the server has');
    }
    if (found.expiresAtMs !== null && this.#unixMs() >= found.expiresAtMs) {
      throw unauthorized('the API key has expired; ask for a new one');
    }
    const { name, tenant, scopes, priority } = found;
    return { name, tenant, scopes, priority, account: this.#accountOf(found) };
  }

  /** Compares with every key, so that the time tells neither which nor whether one matched. */
  #find(digest: Buffer): ApiKey | null {
    let found: ApiKey | null = null;
    for (const key of this.#keys) if (timingSafeEqual(key.digest, digest)) found = key;
    return found;
  }

  #accountOf({ digest, limits }: ApiKey): Account {
    const id = digest.toString('hex');
    const account = this.#accounts.get(id) ?? new Account(limits, this.#now);
    this.#accounts.set(id, account);
    return account;
  }
}

const unauthorized = (message: string): EtapError =>
  new EtapError('ETAP_ERR_UNAUTHORIZED', message);
