/** The generation requests that are open: how many, by which names, and the way to end them. */
import { EtapError } from '../errors.ts';
import type { Caller } from '../keys/index.ts';

/** What can be done to an open request from outside. */
export type OpenRequest = {
  /** Names that /abort_request finds it by. */
  readonly names: readonly string[];
  readonly caller: Caller;
  /** Ends it with ETAP_ERR_ABORTED. */
  readonly abort: () => void;
};

export class OpenRequests {
  readonly #countMax: number;
  readonly #open = new Set<OpenRequest>();
  readonly #byName = new Map<string, Set<OpenRequest>>();
  #refusing = false;

  /** @param countMax requests that may be open at a time, tokenizing included */
  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  get count(): number {
    return this.#open.size;
  }

  /** From now on new requests are refused: the server is about to stop. */
  refuseNew(): void {
    this.#refusing = true;
  }

  /** Throws EtapError ETAP_ERR_SHUTTING_DOWN, ETAP_ERR_QUEUE_FULL, ETAP_ERR_RATE_LIMIT. */
  add(request: OpenRequest): void {
    if (this.#refusing) {
      throw new EtapError(
        'ETAP_ERR_SHUTTING_DOWN',
        'the server is shutting down; send the request again, it will reach another one',
      );
    }
    if (this.#open.size >= this.#countMax) {
      throw new EtapError(
        'ETAP_ERR_QUEUE_FULL',
        `${this.#open.size} requests are open, allowed are at most ${this.#countMax}; retry later`,
      );
    }
    request.caller.account.beginRequest();
    this.#open.add(request);
    for (const name of request.names) {
      const named = this.#byName.get(name) ?? new Set();
      this.#byName.set(name, named.add(request));
    }
  }

  remove(request: OpenRequest): void {
    if (!this.#open.delete(request)) return;
    request.caller.account.endRequest();
    for (const name of request.names) {
      const named = this.#byName.get(name);
      named?.delete(request);
      if (named?.size === 0) this.#byName.delete(name);
    }
  }

  /** Aborts the requests of that name which the caller's tenant has; returns how many there were. */
  abort(name: string, { tenant }: Caller): number {
    const found = [...(this.#byName.get(name) ?? [])].filter(
      (open) => open.caller.tenant === tenant,
    );
    for (const open of found) open.abort();
    return found.length;
  }
}
