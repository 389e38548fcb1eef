/** A list of sequences linked through the sequences themselves: every change costs O(1). */
import type { Sequence } from './sequence.ts';

export class SequenceList {
  head: Sequence | null = null;
  #tail: Sequence | null = null;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  pushBack(sequence: Sequence): void {
    this.#insertAfter(this.#tail, sequence);
  }

  /** Inserts in order of arrival; sequences that return are older than most, so it looks from the head. */
  insertByArrival(sequence: Sequence): void {
    let previous: Sequence | null = null;
    let next = this.head;
    while (next !== null && next.arrivalIndex < sequence.arrivalIndex) {
      previous = next;
      next = next.next;
    }
    this.#insertAfter(previous, sequence);
  }

  remove(sequence: Sequence): void {
    if (sequence.list !== this) throw new Error(`Sequence ${sequence.id} is not in this list.`);
    if (sequence.previous === null) this.head = sequence.next;
    else sequence.previous.next = sequence.next;
    if (sequence.next === null) this.#tail = sequence.previous;
    else sequence.next.previous = sequence.previous;
    sequence.list = null;
    sequence.next = null;
    sequence.previous = null;
    this.#length--;
  }

  #insertAfter(previous: Sequence | null, sequence: Sequence): void {
    if (sequence.list !== null) throw new Error(`Sequence ${sequence.id} is already in a list.`);
    const next = previous === null ? this.head : previous.next;
    sequence.list = this;
    sequence.previous = previous;
    sequence.next = next;
    if (previous === null) this.head = sequence;
    else previous.next = sequence;
    if (next === null) this.#tail = sequence;
    else next.previous = sequence;
    this.#length++;
  }
}
