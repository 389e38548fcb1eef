/**
 * Responses that were made, each tenant's for itself, the oldest making room for the newest. Where
 * they are kept is a shelf: memory, or a file.
 */
import type { Config } from '../../config/index.ts';
import type { Item, OutputItem } from './items.ts';
import type { ResponseResource } from './resource.ts';

export type StoredResponse = {
  readonly response: ResponseResource;
  /** The whole conversation in front of the response's output. */
  readonly input: readonly Item[];
};

/** Keeps texts by key. Bounds are the store's matter, not the shelf's. */
export type Shelf = {
  /** Everything that was kept before, in any order. */
  load(): Iterable<{ readonly key: string; readonly text: string }>;
  get(key: string): string | undefined;
  put(key: string, text: string): void;
  delete(key: string): void;
  /** Resolves when all that was put is kept. */
  close(): Promise<void>;
};

type Entry = { readonly bytes: number; readonly createdAt: number };
type Shelved = StoredResponse & { readonly tenant: string };

const KEY_SEPARATOR = '/';

export class ResponseStore {
  readonly #shelf: Shelf;
  readonly #limits: Config['responses'];
  readonly #unixSeconds: () => number;
  /** Entries of each tenant by id, the oldest first. */
  readonly #tenants = new Map<string, Map<string, Entry>>();

  constructor(shelf: Shelf, limits: Config['responses'], unixSeconds: () => number) {
    this.#shelf = shelf;
    this.#limits = limits;
    this.#unixSeconds = unixSeconds;
    this.#load();
  }

  get(tenant: string, id: string): StoredResponse | null {
    this.#evict(tenant);
    if (this.#tenants.get(tenant)?.has(id) !== true) return null;
    const text = this.#shelf.get(keyOf(tenant, id));
    return text === undefined ? null : (JSON.parse(text) as Shelved);
  }

  /** The item of that id in the output of a stored response. */
  findItem(tenant: string, responseId: string, itemId: string): OutputItem | null {
    const stored = this.get(tenant, responseId);
    return stored?.response.output.find(({ id }) => id === itemId) ?? null;
  }

  put(tenant: string, { response, input }: StoredResponse): void {
    const shelved: Shelved = { tenant, response, input };
    const text = JSON.stringify(shelved);
    const bytes = Buffer.byteLength(text);
    this.delete(tenant, response.id);
    // One that has no room even alone is not kept.
    if (bytes > this.#limits.maxBytes || this.#limits.maxCount === 0) return;
    this.#entriesOf(tenant).set(response.id, { bytes, createdAt: this.#unixSeconds() });
    this.#shelf.put(keyOf(tenant, response.id), text);
    this.#evict(tenant);
  }

  /** False when there was none. */
  delete(tenant: string, id: string): boolean {
    if (this.#tenants.get(tenant)?.delete(id) !== true) return false;
    this.#shelf.delete(keyOf(tenant, id));
    return true;
  }

  close(): Promise<void> {
    return this.#shelf.close();
  }

  #load(): void {
    const found: { tenant: string; id: string; entry: Entry }[] = [];
    for (const { text } of this.#shelf.load()) {
      const { tenant, response } = JSON.parse(text) as Shelved;
      const entry = { bytes: Buffer.byteLength(text), createdAt: Number(response.created_at) };
      found.push({ tenant, id: response.id, entry });
    }
    found.sort((a, b) => a.entry.createdAt - b.entry.createdAt);
    for (const { tenant, id, entry } of found) this.#entriesOf(tenant).set(id, entry);
    for (const tenant of this.#tenants.keys()) this.#evict(tenant);
  }

  #entriesOf(tenant: string): Map<string, Entry> {
    const known = this.#tenants.get(tenant);
    if (known !== undefined) return known;
    const entries = new Map<string, Entry>();
    this.#tenants.set(tenant, entries);
    return entries;
  }

  /** Drops the oldest until the rest is within the limits. */
  #evict(tenant: string): void {
    const entries = this.#tenants.get(tenant);
    if (entries === undefined) return;
    const { maxCount, maxBytes, maxAgeMs } = this.#limits;
    const oldest = this.#unixSeconds() - maxAgeMs / 1000;
    let bytes = 0;
    for (const entry of entries.values()) bytes += entry.bytes;
    for (const [id, entry] of entries) {
      const fits = entries.size <= maxCount && bytes <= maxBytes && entry.createdAt >= oldest;
      if (fits) return;
      bytes -= entry.bytes;
      this.delete(tenant, id);
    }
  }
}

const keyOf = (tenant: string, id: string): string => tenant + KEY_SEPARATOR + id;
