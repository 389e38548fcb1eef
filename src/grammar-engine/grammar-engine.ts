/** What the engine loop asks about grammars. */
import type { EtapError } from '../errors.ts';
import type { GrammarSpec } from '../grammar/index.ts';

/** Which tokens may come next for one sequence. */
export type TokenMask = {
  /** Tokens that the grammar has taken. */
  readonly position: number;
  readonly canEnd: boolean;
  /** The text may end here and cannot go on: there is nothing to sample. */
  readonly isComplete: boolean;
  readonly bits: Int32Array; // [ceil(vocabSize / 32)]
};

export type GrammarListener = {
  onMask(id: number, mask: TokenMask): void;
  /** The grammar is wrong, or cannot be followed any further; nothing follows. */
  onFailure(id: number, error: EtapError): void;
};

export interface GrammarEngine {
  /** Compiles the grammar of a sequence; a mask for its first token follows, or a failure. */
  open(id: number, spec: GrammarSpec): void;
  /** Tells what was sampled; the mask for the next token follows, or a failure. */
  accept(id: number, token: number): void;
  /** The sequence has ended; ids that are not open are ignored. */
  close(id: number): void;
  shutdown(): void;
}

export type StartGrammars = (listener: GrammarListener) => GrammarEngine;
