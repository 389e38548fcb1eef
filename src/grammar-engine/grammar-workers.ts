/**
 * Grammars in worker threads: each sequence lives in one of them. A worker that dies or takes too long
 * is replaced, and its sequences are built up again from the tokens they had.
 */
import { EtapError } from '../errors.ts';
import type { GrammarSpec } from '../grammar/index.ts';
import type { GrammarEngine, GrammarListener } from './grammar-engine.ts';
import {
  type FromWorker,
  MASK_CAN_END,
  MASK_COMPLETE,
  MASK_FIELDS,
  MASK_POSITION,
  MASK_SEQUENCE,
  type MaskReply,
  type ToWorker,
} from './messages.ts';
import type { StartWorker, WorkerPort } from './worker-port.ts';

export type GrammarWorkersOptions = {
  readonly startWorker: StartWorker;
  readonly workerCount: number;
  /** A worker that owes an answer for so long is replaced. */
  readonly answerMsMax: number;
};

/** A sequence that may have cost this many workers is given up. */
const LOSSES_MAX = 2;

type Session = {
  readonly id: number;
  readonly spec: GrammarSpec;
  readonly tokens: number[];
  lane: Lane;
  /** Whether an answer is owed. */
  waiting: boolean;
  lossCount: number;
};

/** One worker and what is with it. */
type Lane = {
  port: WorkerPort | null;
  readonly sessions: Set<Session>;
  /** Sequences whose tokens go out together at the end of this turn. */
  unsent: number[];
  timer: NodeJS.Timeout | null;
};

export class GrammarWorkers implements GrammarEngine {
  readonly #options: GrammarWorkersOptions;
  readonly #listener: GrammarListener;
  readonly #lanes: readonly Lane[];
  readonly #sessions = new Map<number, Session>();
  #isShutDown = false;

  constructor(options: GrammarWorkersOptions, listener: GrammarListener) {
    this.#options = options;
    this.#listener = listener;
    this.#lanes = Array.from({ length: options.workerCount }, () => ({
      port: null,
      sessions: new Set<Session>(),
      unsent: [],
      timer: null,
    }));
  }

  open(id: number, spec: GrammarSpec): void {
    const lane = this.#lanes.reduce((best, one) =>
      one.sessions.size < best.sessions.size ? one : best,
    );
    const session = { id, spec, tokens: [], lane, waiting: true, lossCount: 0 };
    this.#sessions.set(id, session);
    lane.sessions.add(session);
    this.#post(lane, { kind: 'open', id, spec, tokens: [] });
  }

  accept(id: number, token: number): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    session.tokens.push(token);
    session.waiting = true;
    const { lane } = session;
    if (lane.unsent.length === 0) queueMicrotask(() => this.#flush(lane));
    lane.unsent.push(id, token);
  }

  close(id: number): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#forget(session);
    session.lane.port?.post({ kind: 'close', id });
  }

  shutdown(): void {
    this.#isShutDown = true;
    for (const lane of this.#lanes) {
      if (lane.timer !== null) clearTimeout(lane.timer);
      lane.port?.terminate();
      lane.port = null;
    }
  }

  #flush(lane: Lane): void {
    const pairs = Int32Array.from(lane.unsent);
    lane.unsent = [];
    if (pairs.length > 0) this.#post(lane, { kind: 'accept', pairs });
  }

  #post(lane: Lane, message: ToWorker): void {
    if (this.#isShutDown) return;
    lane.port ??= this.#start(lane);
    lane.port.post(message);
    this.#watch(lane);
  }

  #start(lane: Lane): WorkerPort {
    const port = this.#options.startWorker();
    port.onMessage((message) => {
      if (lane.port === port) this.#receive(lane, message);
    });
    port.onExit((reason) => {
      if (lane.port === port) this.#lost(lane, reason);
    });
    return port;
  }

  #receive(lane: Lane, message: FromWorker): void {
    if (message.kind === 'masks') this.#takeMasks(message);
    else if (message.kind === 'failed') {
      const session = this.#sessions.get(message.id);
      if (session !== undefined) this.#fail(session, new EtapError(message.code, message.message));
    }
    this.#unwatch(lane);
    this.#watch(lane);
  }

  #takeMasks({ entries, masks }: MaskReply): void {
    const count = entries.length / MASK_FIELDS;
    const words = masks.length / count;
    for (let i = 0; i < count; i++) {
      const field = (offset: number) => entries[i * MASK_FIELDS + offset] as number;
      const session = this.#sessions.get(field(MASK_SEQUENCE));
      if (session === undefined) continue;
      const position = field(MASK_POSITION);
      // An answer to a question that a replacement was asked again.
      if (position !== session.tokens.length) continue;
      session.waiting = false;
      this.#listener.onMask(session.id, {
        position,
        canEnd: field(MASK_CAN_END) === 1,
        isComplete: field(MASK_COMPLETE) === 1,
        bits: masks.subarray(i * words, (i + 1) * words),
      });
    }
  }

  #watch(lane: Lane): void {
    if (lane.timer !== null || ![...lane.sessions].some(({ waiting }) => waiting)) return;
    lane.timer = setTimeout(() => {
      lane.port?.terminate();
      this.#lost(lane, `it gave no answer for ${this.#options.answerMsMax} ms`);
    }, this.#options.answerMsMax);
    lane.timer.unref();
  }

  #unwatch(lane: Lane): void {
    if (lane.timer !== null) clearTimeout(lane.timer);
    lane.timer = null;
  }

  /**
   * A new worker takes over. It answers in order, so the first sequence that it owes an answer is the
   * one that may have cost it; after its second worker it is given up.
   */
  #lost(lane: Lane, reason: string): void {
    this.#unwatch(lane);
    lane.port = null;
    lane.unsent = [];
    const suspect = [...lane.sessions].find(({ waiting }) => waiting);
    if (suspect !== undefined && ++suspect.lossCount >= LOSSES_MAX) {
      const message = `the grammar worker was lost (${reason}); make the grammar simpler`;
      this.#fail(suspect, new EtapError('ETAP_ERR_GRAMMAR_STOPPED', message));
    }
    for (const session of [...lane.sessions]) {
      const { id, spec, tokens } = session;
      session.waiting = true;
      this.#post(lane, { kind: 'open', id, spec, tokens: [...tokens] });
    }
  }

  #fail(session: Session, error: EtapError): void {
    this.#forget(session);
    this.#listener.onFailure(session.id, error);
  }

  #forget(session: Session): void {
    this.#sessions.delete(session.id);
    session.lane.sessions.delete(session);
  }
}
