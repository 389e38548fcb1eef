/**
 * The waiting queue: priority classes in strict order; in a class first the sequences that return
 * (preempted or parked before), oldest first, then new ones, shared out between tenants by deficit
 * round robin and first come, first served within a tenant.
 */
import { PRIORITY_CLASSES, type Sequence } from './sequence.ts';
import { SequenceList } from './sequence-list.ts';

/** Sequences behind a blocked head that are looked at for one that may overtake it. */
const OVERTAKE_SCAN_MAX = 32;

type Tenant = {
  readonly name: string;
  readonly sequences: SequenceList;
  /** Tokens this tenant may still start before its turn ends. */
  deficitTokens: number;
};

type PriorityClass = {
  readonly returned: SequenceList;
  readonly tenants: Map<string, Tenant>;
  /** Tenants that have new sequences, in the order in which they take turns. */
  readonly ring: Tenant[];
  /** Whose turn it is; -1 while it is nobody's. */
  turn: number;
};

export class WaitingQueue {
  readonly #classes: readonly PriorityClass[];
  readonly #quantumTokens: number;
  readonly #costTokens: (sequence: Sequence) => number;
  #length = 0;

  /** @param costTokens tokens that starting a sequence is charged to its tenant */
  constructor(quantumTokens: number, costTokens: (sequence: Sequence) => number) {
    this.#quantumTokens = quantumTokens;
    this.#costTokens = costTokens;
    this.#classes = Array.from({ length: PRIORITY_CLASSES }, () => ({
      returned: new SequenceList(),
      tenants: new Map<string, Tenant>(),
      ring: [],
      turn: -1,
    }));
  }

  get length(): number {
    return this.#length;
  }

  /** Adds a sequence that has just arrived. */
  push(sequence: Sequence): void {
    const group = this.#classOf(sequence);
    let tenant = group.tenants.get(sequence.spec.tenant);
    if (tenant === undefined) {
      tenant = { name: sequence.spec.tenant, sequences: new SequenceList(), deficitTokens: 0 };
      group.tenants.set(tenant.name, tenant);
      group.ring.push(tenant);
    }
    tenant.sequences.pushBack(sequence);
    this.#length++;
  }

  /** Adds a sequence that was taken before: it goes ahead of new ones of its class. */
  pushReturned(sequence: Sequence): void {
    this.#classOf(sequence).returned.insertByArrival(sequence);
    this.#length++;
  }

  /** The sequence to start next; the same one until it is taken or one goes ahead of it. */
  next(): Sequence | null {
    const group = this.#classes.find((one) => one.returned.length > 0 || one.ring.length > 0);
    if (group === undefined) return null;
    return group.returned.head ?? this.#nextOfRing(group);
  }

  /** Others of the class of `head` that may be started while `head` is held up, in fair order. */
  *overtakers(head: Sequence): Generator<Sequence> {
    const group = this.#classOf(head);
    const turn = Math.max(group.turn, 0);
    const turns = [...group.ring.slice(turn), ...group.ring.slice(0, turn)];
    const lists = [group.returned, ...turns.map((tenant) => tenant.sequences)];
    let seen = 0;
    for (const list of lists) {
      for (let sequence = list.head; sequence !== null; ) {
        const following: Sequence | null = sequence.next;
        if (++seen > OVERTAKE_SCAN_MAX) return;
        if (sequence !== head) yield sequence;
        sequence = following;
      }
    }
  }

  /** Takes a sequence out to start or park it, and charges its tenant if it was new. */
  take(sequence: Sequence): void {
    const tenant = this.#tenantOf(sequence);
    if (tenant !== null) tenant.deficitTokens -= this.#costTokens(sequence);
    this.remove(sequence);
  }

  /** Takes a sequence out without charge: it was aborted. */
  remove(sequence: Sequence): void {
    const group = this.#classOf(sequence);
    const tenant = this.#tenantOf(sequence);
    (tenant?.sequences ?? group.returned).remove(sequence);
    this.#length--;
    if (tenant !== null && tenant.sequences.length === 0) this.#leaveRing(group, tenant);
  }

  /** Every waiting sequence, in no promised order. */
  *all(): Generator<Sequence> {
    for (const group of this.#classes) {
      for (const list of [group.returned, ...group.ring.map((tenant) => tenant.sequences)]) {
        for (let sequence = list.head; sequence !== null; sequence = sequence.next) yield sequence;
      }
    }
  }

  /** Arrival of the sequence that waits longest; infinite when none waits. */
  oldestArrivalMs(): number {
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const group of this.#classes) {
      oldestMs = Math.min(oldestMs, group.returned.head?.arrivalMs ?? oldestMs);
      for (const tenant of group.ring) {
        oldestMs = Math.min(oldestMs, (tenant.sequences.head as Sequence).arrivalMs);
      }
    }
    return oldestMs;
  }

  /** Deficit round robin, with the rounds in which nobody could start passed over in one go. */
  #nextOfRing(group: PriorityClass): Sequence {
    const { ring } = group;
    const current = ring[group.turn];
    if (current === undefined || this.#roundsNeeded(current) > 0) {
      let turn = 0;
      let rounds = Number.POSITIVE_INFINITY;
      for (let i = 1; i <= ring.length; i++) {
        const index = (group.turn + i) % ring.length;
        const needed = this.#roundsNeeded(ring[index] as Tenant);
        if (needed >= rounds) continue;
        rounds = needed;
        turn = index;
      }
      for (const tenant of ring) tenant.deficitTokens += rounds * this.#quantumTokens;
      group.turn = turn;
    }
    return (ring[group.turn] as Tenant).sequences.head as Sequence;
  }

  #roundsNeeded(tenant: Tenant): number {
    const missing = this.#costTokens(tenant.sequences.head as Sequence) - tenant.deficitTokens;
    return missing <= 0 ? 0 : Math.ceil(missing / this.#quantumTokens);
  }

  #leaveRing(group: PriorityClass, tenant: Tenant): void {
    const index = group.ring.indexOf(tenant);
    group.ring.splice(index, 1);
    group.tenants.delete(tenant.name);
    if (index <= group.turn) group.turn--;
  }

  /** The tenant in whose list a sequence waits, or null when it waits among the returned. */
  #tenantOf(sequence: Sequence): Tenant | null {
    const tenant = this.#classOf(sequence).tenants.get(sequence.spec.tenant);
    if (tenant === undefined || tenant.sequences !== sequence.list) return null;
    return tenant;
  }

  #classOf(sequence: Sequence): PriorityClass {
    return this.#classes[sequence.spec.priority] as PriorityClass;
  }
}
