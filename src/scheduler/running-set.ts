/**
 * The running sequences, each with an executor slot, in order of rank: those that may no longer be
 * preempted, then by priority, then by arrival. A sequence takes blocks only from lower ranks, so
 * the first always gets on: that is why no mixture of requests can come to a standstill.
 */
import type { KvCache, PrefixMatch } from '../kv/index.ts';
import { BLOCK_SIZE } from '../kv/index.ts';
import type { Sequence } from './sequence.ts';

export class RunningSet {
  readonly #kv: KvCache;
  readonly #preemptionsMax: number;
  readonly #sequences: Sequence[] = [];
  readonly #freeSlots: number[];
  readonly #epochs: Int32Array;
  #releasedSlots: number[] = [];
  #started: Sequence[] = [];

  constructor(kv: KvCache, maxSequences: number, preemptionsMax: number) {
    this.#kv = kv;
    this.#preemptionsMax = preemptionsMax;
    this.#freeSlots = Array.from({ length: maxSequences }, (_, i) => maxSequences - 1 - i);
    this.#epochs = new Int32Array(maxSequences);
  }

  /** In order of rank. */
  get sequences(): readonly Sequence[] {
    return this.#sequences;
  }

  get isFull(): boolean {
    return this.#freeSlots.length === 0;
  }

  get hasReleases(): boolean {
    return this.#releasedSlots.length > 0;
  }

  /** Preempted this often, a sequence was started with all it may need and is not preempted again. */
  isProtected(sequence: Sequence): boolean {
    return sequence.preemptionCount >= this.#preemptionsMax;
  }

  /** Gives a sequence a slot and the cached blocks of its prefix. */
  start(sequence: Sequence, match: PrefixMatch): void {
    const slot = this.#freeSlots.pop();
    if (slot === undefined) throw new Error('No slot is free for another sequence.');
    const epoch = (this.#epochs[slot] as number) + 1;
    this.#epochs[slot] = epoch;
    this.#kv.adopt(sequence.table, match);
    sequence.slot = slot;
    sequence.epoch = epoch;
    sequence.announced = false;
    sequence.status = 'running';
    sequence.committed = match.blocks.length * BLOCK_SIZE;
    sequence.allocated = sequence.committed;
    sequence.publishedBlocks = 0;
    sequence.planned = 0;
    sequence.stepsSinceChunk = 0;
    const rank = this.#sequences.findIndex((other) => this.#goesBefore(sequence, other));
    this.#sequences.splice(rank < 0 ? this.#sequences.length : rank, 0, sequence);
    this.#started.push(sequence);
  }

  /** Takes slot and blocks back. No row of the sequence may be in flight. */
  stop(sequence: Sequence): void {
    if (sequence.inFlight) throw new Error(`Sequence ${sequence.id} has a row in flight.`);
    this.#sequences.splice(this.#sequences.indexOf(sequence), 1);
    this.#kv.release(sequence.table);
    if (sequence.announced) this.#releasedSlots.push(sequence.slot);
    else this.#started = this.#started.filter((one) => one !== sequence);
    this.#freeSlots.push(sequence.slot);
    sequence.slot = -1;
    sequence.committed = 0;
    sequence.allocated = 0;
    sequence.planned = 0;
  }

  /** Slots stopped since the last call that the executor must forget. */
  takeReleases(): readonly number[] {
    const released = this.#releasedSlots;
    this.#releasedSlots = [];
    return released;
  }

  /** Sequences started since the last call that still run: the executor must be told of them. */
  takeStarted(): readonly Sequence[] {
    const started = this.#started;
    for (const sequence of started) sequence.announced = true;
    this.#started = [];
    return started;
  }

  #goesBefore(left: Sequence, right: Sequence): boolean {
    if (this.isProtected(left) !== this.isProtected(right)) return this.isProtected(left);
    if (left.spec.priority !== right.spec.priority) {
      return left.spec.priority < right.spec.priority;
    }
    return left.arrivalIndex < right.arrivalIndex;
  }
}
