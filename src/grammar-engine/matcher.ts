/** Follows one sequence through its grammar, token by token. */
import type { CompiledGrammar } from './compiled-grammar.ts';
import { ConfigurationLimit, DEAD } from './configurations.ts';

/** What the matcher must know of tokens. */
export type TokenTable = {
  /** Bytes of a token; empty for special tokens. */
  bytes(id: number): Uint8Array;
};

/** The token is not what the grammar allows: masks and tokens have come apart. */
export class TokenRefused extends Error {}

export class Matcher {
  readonly #grammar: CompiledGrammar;
  readonly #table: TokenTable;
  readonly #tokens: number[] = [];
  #configuration: number;
  #generation: number;

  constructor(grammar: CompiledGrammar, table: TokenTable) {
    this.#grammar = grammar;
    this.#table = table;
    this.#configuration = grammar.start;
    this.#generation = grammar.generation;
  }

  /** Tokens taken so far. */
  get position(): number {
    return this.#tokens.length;
  }

  get canEnd(): boolean {
    this.#follow();
    return this.#grammar.canEnd(this.#configuration);
  }

  get isComplete(): boolean {
    this.#follow();
    return this.#grammar.isComplete(this.#configuration);
  }

  /** Throws TokenRefused; the matcher is of no use then. */
  accept(token: number): void {
    this.#withRoom(() => {
      const next = this.#step(this.#configuration, token);
      if (next === DEAD) throw new TokenRefused(`token ${token} at ${this.position}`);
      this.#configuration = next;
    });
    this.#tokens.push(token);
  }

  /** Bits of the tokens that may come next; not to be changed. */
  mask(): Int32Array {
    return this.#withRoom(() => this.#grammar.mask(this.#configuration));
  }

  /** Does something that may find the grammar full: then once more with an empty one. */
  #withRoom<T>(action: () => T): T {
    this.#follow();
    try {
      return action();
    } catch (error) {
      if (!(error instanceof ConfigurationLimit)) throw error;
      this.#grammar.restart();
      this.#follow();
      return action();
    }
  }

  /** Finds its configuration again after the grammar has started afresh. */
  #follow(): void {
    if (this.#generation === this.#grammar.generation) return;
    this.#generation = this.#grammar.generation;
    this.#configuration = this.#tokens.reduce(
      (configuration, token) => this.#step(configuration, token),
      this.#grammar.start,
    );
  }

  #step(from: number, token: number): number {
    const bytes = this.#table.bytes(token);
    return bytes.length === 0
      ? this.#grammar.stepToken(from, token)
      : this.#grammar.stepBytes(from, bytes);
  }
}
