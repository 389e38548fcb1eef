/** The generation requests that are open: how many, by which names, and the way to end them. */
import { EtapError } from '../errors.ts';

/** What can be done to an open request from outside. */
export type OpenRequest = {
  /** Names that /abort_request finds it by. */
  readonly names: readonly string[];
  readonly tenant: string;
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

  /** Throws EtapError ETAP_ERR_SHUTTING_DOWN, ETAP_ERR_QUEUE_FULL. */
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
    this.#open.add(request);
    for (const name of request.names) {
      const named = this.#byName.get(name) ?? new Set();
      this.#byName.set(name, named.add(request));
    }
  }

  remove(request: OpenRequest): void {
    if (!this.#open.delete(request)) return;
    for (const name of request.names) {
      const named = this.#byName.get(name);
      named?.delete(request);
      if (named?.size === 0) this.#byName.delete(name);
    }
  }

  /** Aborts the tenant's requests of that name; returns how many there were. */
  abort(name: string, tenant: string): number {
    const found = [...(this.#byName.get(name) ?? [])].filter((open) => open.tenant === tenant);
    for (const open of found) open.abort();
    return found.length;
  }
}
