/** The responses of a server: those that are being made, and those that are stored. */
import type { Config } from '../../config/index.ts';
import { EtapError } from '../../errors.ts';
import { responseIdOf } from './encoder.ts';
import type { Item, Turn } from './items.ts';
import type { ResponseResource } from './resource.ts';
import type { ResponseRun } from './run.ts';
import { FileShelf, MemoryShelf } from './shelves.ts';
import { ResponseStore, type StoredResponse } from './store.ts';

export class Responses {
  readonly store: ResponseStore;
  readonly #active = new Map<string, ResponseRun>();

  /** Throws EtapError ETAP_ERR_CONFIG when the store's file cannot be used. */
  constructor(
    config: Config['responses'],
    parts: {
      readonly unixSeconds: () => number;
      readonly onStoreError: (error: unknown) => void;
    },
  ) {
    const shelf =
      config.store === null ? new MemoryShelf() : new FileShelf(config.store, parts.onStoreError);
    this.store = new ResponseStore(shelf, config, parts.unixSeconds);
  }

  /** Called by a run that has begun. */
  begin(run: ResponseRun): void {
    this.#active.set(run.id, run);
  }

  /** Called by a run that has ended. */
  end(run: ResponseRun): void {
    this.#active.delete(run.id);
  }

  /** Throws EtapError ETAP_ERR_RESPONSE_NOT_FOUND. */
  retrieve(tenant: string, id: string): ResponseResource {
    return this.#activeOf(tenant, id)?.resource() ?? this.stored(tenant, id).response;
  }

  /** Ends a response that is being made; one that has ended stays as it is. Throws as `retrieve`. */
  cancel(tenant: string, id: string): ResponseResource {
    const run = this.#activeOf(tenant, id);
    if (run === null) return this.stored(tenant, id).response;
    run.cancel();
    return run.resource();
  }

  /** Throws EtapError ETAP_ERR_RESPONSE_NOT_FOUND. */
  delete(tenant: string, id: string): void {
    const run = this.#activeOf(tenant, id);
    run?.cancel();
    if (!this.store.delete(tenant, id) && run === null) throw notFound();
  }

  /** Throws EtapError ETAP_ERR_RESPONSE_NOT_FOUND. */
  stored(tenant: string, id: string): StoredResponse {
    const stored = this.store.get(tenant, id);
    if (stored === null) throw notFound();
    return stored;
  }

  /** What a response goes on from. Throws EtapError ETAP_ERR_PREVIOUS_RESPONSE. */
  turn(tenant: string, id: string): Turn {
    const stored = this.store.get(tenant, id);
    if (stored !== null) return { id, items: [...stored.input, ...stored.response.output] };
    throw new EtapError(
      'ETAP_ERR_PREVIOUS_RESPONSE',
      'previous_response_id: no such response is stored for this key, nor remembered on this ' +
        'connection; send the whole conversation as input',
      'previous_response_id',
    );
  }

  /** An item that a stored response made. */
  findItem(tenant: string, itemId: string): Item | null {
    const responseId = responseIdOf(itemId);
    return responseId === null ? null : this.store.findItem(tenant, responseId, itemId);
  }

  #activeOf(tenant: string, id: string): ResponseRun | null {
    const run = this.#active.get(id);
    return run !== undefined && run.tenant === tenant ? run : null;
  }
}

const notFound = (): EtapError =>
  new EtapError(
    'ETAP_ERR_RESPONSE_NOT_FOUND',
    'no response of this id is stored for this key: it was not stored, was deleted, or made room ' +
      'for later ones',
  );
