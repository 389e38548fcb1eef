/**
 * A grammar as states over bytes. Each rule is one piece of it; a state that calls a rule names the
 * state to go on with after it. Built from the end of each rule to its start, so that a call at the
 * very end is a jump and right recursion needs no stack.
 */

import type { CodePoints, Expression, Grammar } from '../grammar/index.ts';
import { unsupportedGrammar } from '../grammar/index.ts';
import { type ByteSequence, utf8Sequences } from './utf8-ranges.ts';

export type ProgramState =
  /** Flat triples (first byte, last byte, next state). */
  | { readonly kind: 'bytes'; readonly edges: readonly number[] }
  /** One special token. */
  | { readonly kind: 'token'; readonly id: number; readonly next: number }
  | { readonly kind: 'split'; readonly next: readonly number[] }
  | { readonly kind: 'call'; readonly rule: string; readonly next: number }
  | { readonly kind: 'end' };

export type Program = {
  readonly states: readonly ProgramState[];
  readonly start: number;
  readonly ruleStarts: ReadonlyMap<string, number>;
  /** Class of each of the 256 bytes: bytes of one class lead to the same states everywhere. */
  readonly byteClasses: Uint8Array;
  readonly byteClassCount: number;
};

/** The state that ends a rule. */
export const END_STATE = 0;

/** Larger grammars are refused: repetition is spelled out. */
export const PROGRAM_STATES_MAX = 200_000;

/** Throws EtapError ETAP_ERR_GRAMMAR_UNSUPPORTED when the grammar is too large. */
export function programOf(grammar: Grammar): Program {
  const builder = new ProgramBuilder();
  const ruleStarts = new Map<string, number>();
  for (const [name, expression] of grammar.rules) {
    ruleStarts.set(name, builder.build(expression, END_STATE));
  }
  const { states } = builder;
  const start = ruleStarts.get(grammar.root) as number;
  return { states, start, ruleStarts, ...byteClassesOf(states) };
}

class ProgramBuilder {
  readonly states: ProgramState[] = [{ kind: 'end' }];
  readonly #sequences = new Map<CodePoints, ByteSequence[]>();

  build(expression: Expression, next: number): number {
    switch (expression.kind) {
      case 'text':
        return Buffer.from(expression.text).reduceRight(
          (target, byte) => this.#add({ kind: 'bytes', edges: [byte, byte, target] }),
          next,
        );
      case 'class':
        return this.#class(expression.set, next);
      case 'sequence':
        return expression.items.reduceRight((target, item) => this.build(item, target), next);
      case 'choice':
        return this.#add({
          kind: 'split',
          next: expression.items.map((item) => this.build(item, next)),
        });
      case 'repeat':
        return this.#repeat(expression, next);
      case 'rule':
        return this.#add({ kind: 'call', rule: expression.name, next });
      case 'token':
        return this.#add({ kind: 'token', id: expression.id, next });
    }
  }

  #repeat({ item, min, max }: Expression & { readonly kind: 'repeat' }, next: number): number {
    let target = next;
    if (max === null) {
      const ways = [next];
      target = this.#add({ kind: 'split', next: ways });
      ways.push(this.build(item, target));
    } else {
      for (let count = min; count < max; count++) {
        target = this.#add({ kind: 'split', next: [this.build(item, target), next] });
      }
    }
    for (let count = 0; count < min; count++) target = this.build(item, target);
    return target;
  }

  /** Byte sequences with a common end share its states. */
  #class(set: CodePoints, next: number): number {
    let sequences = this.#sequences.get(set);
    if (sequences === undefined) {
      sequences = utf8Sequences(set);
      this.#sequences.set(set, sequences);
    }
    const tails = new Map<string, number>();
    const tailOf = (rest: ByteSequence): number => {
      const [range, ...after] = rest;
      if (range === undefined) return next;
      const key = rest.join(';');
      const known = tails.get(key);
      if (known !== undefined) return known;
      const state = this.#add({ kind: 'bytes', edges: [...range, tailOf(after)] });
      tails.set(key, state);
      return state;
    };
    const edges = sequences.flatMap(([range, ...rest]) =>
      range === undefined ? [] : [...range, tailOf(rest)],
    );
    return this.#add({ kind: 'bytes', edges });
  }

  #add(state: ProgramState): number {
    if (this.states.length >= PROGRAM_STATES_MAX) {
      throw unsupportedGrammar(
        '',
        `the grammar needs more than ${PROGRAM_STATES_MAX} states; repeat less or make it smaller`,
      );
    }
    this.states.push(state);
    return this.states.length - 1;
  }
}

function byteClassesOf(states: readonly ProgramState[]) {
  const borders = new Uint8Array(257);
  for (const state of states) {
    if (state.kind !== 'bytes') continue;
    for (let i = 0; i < state.edges.length; i += 3) {
      borders[state.edges[i] as number] = 1;
      borders[(state.edges[i + 1] as number) + 1] = 1;
    }
  }
  const byteClasses = new Uint8Array(256);
  let current = 0;
  for (let byte = 1; byte < 256; byte++) {
    current += borders[byte] as number;
    byteClasses[byte] = current;
  }
  return { byteClasses, byteClassCount: current + 1 };
}
