/**
 * Namespaces of the prefix cache: one root chain for each salt in use. A namespace lives while a
 * sequence or a cached block refers to it, so that made-up salts cannot fill the memory.
 */
type Namespace = { readonly salt: string; readonly root: number; referenceCount: number };

export class Namespaces {
  readonly #bySalt = new Map<string, number>();
  readonly #entries: (Namespace | null)[] = [];
  readonly #freeIndices: number[] = [];

  get count(): number {
    return this.#bySalt.size;
  }

  /** Index of the namespace with this salt, with one more reference. */
  acquire(salt: string, createRoot: () => number): number {
    const known = this.#bySalt.get(salt);
    if (known !== undefined) {
      this.retain(known);
      return known;
    }
    const index = this.#freeIndices.pop() ?? this.#entries.length;
    this.#entries[index] = { salt, root: createRoot(), referenceCount: 1 };
    this.#bySalt.set(salt, index);
    return index;
  }

  rootOf(index: number): number {
    return this.#entry(index).root;
  }

  retain(index: number): void {
    this.#entry(index).referenceCount++;
  }

  release(index: number): void {
    const entry = this.#entry(index);
    if (--entry.referenceCount > 0) return;
    this.#bySalt.delete(entry.salt);
    this.#entries[index] = null;
    this.#freeIndices.push(index);
  }

  #entry(index: number): Namespace {
    const entry = this.#entries[index];
    if (entry === undefined || entry === null) {
      throw new Error(`Namespace ${index} of the prefix cache is not open.`);
    }
    return entry;
  }
}
