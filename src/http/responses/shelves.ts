/** Where stored responses are kept: in memory, or in a file that outlives the process. */
import { open, type RootDatabase } from 'lmdb';
import { EtapError } from '../../errors.ts';
import type { Shelf } from './store.ts';

export class MemoryShelf implements Shelf {
  readonly #texts = new Map<string, string>();

  load(): Iterable<never> {
    return [];
  }

  get(key: string): string | undefined {
    return this.#texts.get(key);
  }

  put(key: string, text: string): void {
    this.#texts.set(key, text);
  }

  delete(key: string): void {
    this.#texts.delete(key);
  }

  async close(): Promise<void> {
    this.#texts.clear();
  }
}

/**
 * An LMDB file: reads are page lookups, commits happen in a thread of its own, and a file whose
 * process was killed is whole without any repair.
 */
export class FileShelf implements Shelf {
  readonly #database: RootDatabase<string, string>;
  readonly #onError: (error: unknown) => void;
  /** Not committed yet, and therefore not to be read from the file; null: being deleted. */
  readonly #pending = new Map<string, { readonly text: string | null }>();

  /** Throws EtapError ETAP_ERR_CONFIG when the file cannot be used. */
  constructor(path: string, onError: (error: unknown) => void) {
    this.#onError = onError;
    try {
      this.#database = open<string, string>({ path, noSubdir: true, encoding: 'string' });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new EtapError(
        'ETAP_ERR_CONFIG',
        `responses.store: cannot open ${path} (${reason}); name a file in a folder that can be ` +
          'written, or leave it out to keep responses in memory',
        'responses.store',
      );
    }
  }

  *load(): Iterable<{ readonly key: string; readonly text: string }> {
    for (const { key, value } of this.#database.getRange()) yield { key, text: value };
  }

  get(key: string): string | undefined {
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending.text ?? undefined;
    return this.#database.get(key);
  }

  put(key: string, text: string): void {
    this.#commit(key, text, this.#database.put(key, text));
  }

  delete(key: string): void {
    this.#commit(key, null, this.#database.remove(key));
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  #commit(key: string, text: string | null, done: Promise<boolean>): void {
    const pending = { text };
    this.#pending.set(key, pending);
    done.catch(this.#onError).finally(() => {
      if (this.#pending.get(key) === pending) this.#pending.delete(key);
    });
  }
}
