/**
 * The constrained sequences of the engine: asks for the mask after each of their tokens, keeps it until
 * the step that needs it, and tells the scheduler who may be sampled. Text before the grammar begins
 * is free; thinking cannot end the sequence.
 */
import { EtapError } from '../errors.ts';
import type { FreeStart } from '../grammar/index.ts';
import type { GrammarEngine, StartGrammars, TokenMask } from '../grammar-engine/index.ts';
import type { AddCommand } from './messages.ts';
import type { MaskSource } from './pack-step.ts';

export type GateListener = {
  /** The grammar is compiled: the sequence may start. */
  onReady(id: number): void;
  onMask(id: number, completionTokenCount: number): void;
  /** The text is complete: nothing is left to sample. */
  onComplete(id: number): void;
  onFailure(id: number, error: EtapError): void;
};

/** A step waits for masks so long; who has none then is left out of it. */
const MASK_WAIT_MS_MAX = 25;

type Constrained = {
  readonly stopTokenIds: readonly number[];
  readonly startAfter: FreeStart | null;
  /** The last tokens of the free text, as many as it takes to begin. */
  readonly recent: number[];
  isReady: boolean;
  inGrammar: boolean;
  tokenCount: number;
  /** Tokens before the grammar began. */
  freeCount: number;
  /** For the next token of the grammar; null while it is asked for. */
  mask: TokenMask | null;
};

export class GrammarGate implements MaskSource {
  readonly maskWords: number;
  readonly #vocabSize: number;
  readonly #start: StartGrammars | null;
  readonly #listener: GateListener;
  readonly #open = new Map<number, Constrained>();
  #engine: GrammarEngine | null = null;
  /** Running sequences whose mask is asked for. */
  readonly #owed = new Set<number>();
  #onNoneOwed: (() => void) | null = null;

  constructor(vocabSize: number, start: StartGrammars | null, listener: GateListener) {
    this.#vocabSize = vocabSize;
    this.maskWords = Math.ceil(vocabSize / 32);
    this.#start = start;
    this.#listener = listener;
  }

  open({ id, grammar, stopTokenIds }: AddCommand): void {
    if (grammar === null) return;
    if (this.#start === null)
      throw new EtapError('ETAP_ERR_INTERNAL', 'no grammar engine is there');
    const { startAfter } = grammar;
    this.#open.set(id, {
      stopTokenIds,
      startAfter,
      recent: [],
      isReady: false,
      inGrammar: startAfter === null,
      tokenCount: 0,
      freeCount: 0,
      mask: null,
    });
    this.#engine ??= this.#start({
      onMask: (sequence, mask) => this.#takeMask(sequence, mask),
      onFailure: (sequence, error) => this.#fail(sequence, error),
    });
    this.#engine.open(id, grammar);
  }

  /** Takes the pairs (sequence, token) of a step. */
  accept(tokens: Int32Array): void {
    if (this.#open.size === 0) return;
    for (let i = 0; i < tokens.length; i += 2) {
      const id = tokens[i] as number;
      const sequence = this.#open.get(id);
      if (sequence !== undefined) this.#acceptToken(id, sequence, tokens[i + 1] as number);
    }
  }

  close(id: number): void {
    if (!this.#open.delete(id)) return;
    this.#engine?.close(id);
    this.#settle(id);
  }

  /** Whether a sequence that could go on has no mask yet. */
  get owesMasks(): boolean {
    return this.#owed.size > 0;
  }

  /** Resolves when every mask is there, or when it is not worth waiting any longer. */
  async masks(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#onNoneOwed = resolve;
      timer = setTimeout(resolve, MASK_WAIT_MS_MAX);
    });
    this.#onNoneOwed = null;
    clearTimeout(timer);
  }

  writeMask(id: number, completionTokenCount: number, masks: Int32Array, offset: number): boolean {
    const sequence = this.#open.get(id);
    if (sequence === undefined) return false;
    const { mask, inGrammar, startAfter, stopTokenIds, tokenCount, freeCount } = sequence;
    const isStale = inGrammar && mask?.position !== tokenCount - freeCount;
    if (isStale || tokenCount !== completionTokenCount) {
      throw new Error(`The mask of sequence ${id} is not for its token ${completionTokenCount}.`);
    }
    if (inGrammar && mask !== null) masks.set(mask.bits, offset);
    else this.#writeAll(masks, offset);
    for (const token of stopTokenIds) {
      if (inGrammar && mask?.canEnd === true) setBit(masks, offset, token);
      if (!inGrammar && startAfter?.mayEnd === false) clearBit(masks, offset, token);
    }
    return true;
  }

  shutdown(): void {
    this.#engine?.shutdown();
  }

  #acceptToken(id: number, sequence: Constrained, token: number): void {
    sequence.tokenCount++;
    if (sequence.inGrammar) {
      sequence.mask = null;
      this.#owed.add(id);
      this.#engine?.accept(id, token);
      return;
    }
    const { recent, startAfter } = sequence;
    if (startAfter === null) return;
    recent.push(token);
    const { tokens } = startAfter;
    if (recent.length > tokens.length) recent.shift();
    if (recent.length === tokens.length && recent.every((one, i) => one === tokens[i])) {
      sequence.inGrammar = true;
      sequence.freeCount = sequence.tokenCount;
    }
    this.#listener.onMask(id, sequence.tokenCount);
  }

  #takeMask(id: number, mask: TokenMask): void {
    const sequence = this.#open.get(id);
    if (sequence === undefined) return;
    sequence.mask = mask;
    if (!sequence.isReady) {
      sequence.isReady = true;
      this.#listener.onReady(id);
    }
    this.#settle(id);
    if (sequence.inGrammar && mask.isComplete) this.#listener.onComplete(id);
    else this.#listener.onMask(id, sequence.tokenCount);
  }

  #fail(id: number, error: EtapError): void {
    if (!this.#open.delete(id)) return;
    this.#settle(id);
    this.#listener.onFailure(id, error);
  }

  #settle(id: number): void {
    if (this.#owed.delete(id) && this.#owed.size === 0) this.#onNoneOwed?.();
  }

  /** Every token but the padding of the vocabulary. */
  #writeAll(masks: Int32Array, offset: number): void {
    masks.fill(-1, offset, offset + this.maskWords);
    const rest = this.#vocabSize % 32;
    if (rest > 0) masks[offset + this.maskWords - 1] = (1 << rest) - 1;
  }
}

function setBit(masks: Int32Array, offset: number, bit: number): void {
  const at = offset + (bit >> 5);
  masks[at] = (masks[at] as number) | (1 << (bit & 31));
}

function clearBit(masks: Int32Array, offset: number, bit: number): void {
  const at = offset + (bit >> 5);
  masks[at] = (masks[at] as number) & ~(1 << (bit & 31));
}
