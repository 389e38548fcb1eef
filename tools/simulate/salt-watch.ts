/** Remembers who wrote each block, apart from the prefix cache: no block may cross over to another salt. */
import type { SchedulerView } from '../../src/scheduler/index.ts';

export class SaltWatch {
  readonly #saltOf = new Map<number, string>();

  /** Throws an Error when a sequence adopted a block that was written under another salt. */
  check({ running }: SchedulerView): void {
    for (const { id, spec, table } of running) {
      for (let i = 0; i < table.length; i++) {
        const block = table.at(i);
        const written = this.#saltOf.get(block);
        if (i >= table.adoptedCount) this.#saltOf.set(block, spec.cacheSalt);
        else if (written !== spec.cacheSalt) {
          throw new Error(`Sequence ${id} ('${spec.cacheSalt}') reuses a block of '${written}'.`);
        }
      }
    }
  }
}
