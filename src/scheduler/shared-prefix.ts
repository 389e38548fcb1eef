/**
 * Sharing inside the batch: a sequence whose prompt starts like one that is being computed right
 * now had better wait for those blocks than compute them a second time.
 */
import { BLOCK_SIZE } from '../kv/index.ts';
import type { Sequence } from './sequence.ts';
import { SequenceList } from './sequence-list.ts';

export type Leader = { readonly sequence: Sequence; readonly tokens: number };

/** Tokens at the front of a sequence that the prefix cache may supply; at least one is computed. */
export function matchLimit(sequence: Sequence, strict: boolean): number {
  if (sequence.owesPromptLogprobs) return 0;
  return Math.min(sequence.tokenCount - 1, shareableTokens(sequence, strict));
}

/** Tokens at the front of a sequence whose KV others may use. */
export const shareableTokens = (sequence: Sequence, strict: boolean): number =>
  strict ? sequence.promptTokenCount : sequence.tokenCount;

/**
 * The running sequence that will soon have computed more of the candidate's prefix than the
 * `matchedTokens` already cached, or null.
 */
export function findLeader(options: {
  readonly candidate: Sequence;
  readonly matchedTokens: number;
  readonly running: readonly Sequence[];
  readonly strict: boolean;
}): Leader | null {
  const { candidate, strict } = options;
  const limit = matchLimit(candidate, strict);
  if (limit - options.matchedTokens < BLOCK_SIZE) return null;
  let best: Leader | null = null;
  for (const sequence of options.running) {
    if (sequence.namespace !== candidate.namespace || sequence.uncomputed === 1) continue;
    const tokensMax = Math.min(limit, shareableTokens(sequence, strict));
    const tokens = commonBlockTokens(sequence.tokens, candidate.tokens, tokensMax);
    const ahead = Math.max(options.matchedTokens, sequence.committed, best?.tokens ?? 0);
    if (tokens > ahead) best = { sequence, tokens };
  }
  return best;
}

/** The sequences that wait for a leader. */
export class Parking {
  readonly #waitMsMax: number;
  readonly #parked = new SequenceList();

  constructor(waitMsMax: number) {
    this.#waitMsMax = waitMsMax;
  }

  get length(): number {
    return this.#parked.length;
  }

  get oldest(): Sequence | null {
    return this.#parked.head;
  }

  park(sequence: Sequence, leader: Leader, nowMs: number): void {
    sequence.status = 'parked';
    sequence.leader = leader.sequence;
    sequence.leaderEpoch = leader.sequence.epoch;
    sequence.leaderTokens = leader.tokens;
    sequence.parkedMs = nowMs;
    this.#parked.insertByArrival(sequence);
  }

  remove(sequence: Sequence): void {
    this.#parked.remove(sequence);
  }

  /** Takes out those whose leader has got there, has left, or was waited for long enough. */
  takeReady(nowMs: number): readonly Sequence[] {
    const ready = [...this.all()].filter(
      (one) => leaderIsDone(one) || nowMs - one.parkedMs >= this.#waitMsMax,
    );
    for (const sequence of ready) this.#parked.remove(sequence);
    return ready;
  }

  *all(): Generator<Sequence> {
    for (let one = this.#parked.head; one !== null; one = one.next) yield one;
  }
}

function leaderIsDone({ leader, leaderEpoch, leaderTokens }: Sequence): boolean {
  const computing = leader?.status === 'running' && leader.epoch === leaderEpoch;
  return !computing || leader.committed >= leaderTokens;
}

function commonBlockTokens(left: Int32Array, right: Int32Array, tokensMax: number): number {
  let common = 0;
  while (common < tokensMax && left[common] === right[common]) common++;
  return common - (common % BLOCK_SIZE);
}
