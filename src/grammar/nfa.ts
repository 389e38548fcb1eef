/** The nondeterministic automaton of an expression without rules, built from its end to its start. */
import type { CodePoints } from './code-points.ts';
import type { Expression } from './expression.ts';
import { unsupportedGrammar } from './grammar-error.ts';

type NfaState = {
  readonly edge: { readonly set: CodePoints; readonly target: number } | null;
  readonly free: number[];
};

/** Counted repetition is spelled out; more states than this are refused. */
const STATES_MAX = 20_000;
/** Steps of all closures together: what bounds the time that one pattern may take. */
const VISITS_MAX = 3_000_000;

export class NfaBuilder {
  readonly start: number;
  readonly accept: number;
  readonly #states: NfaState[] = [];
  #visitCount = 0;

  constructor(expression: Expression) {
    this.accept = this.#add(null, []);
    this.start = this.#build(expression, this.accept);
  }

  edges(state: number): { readonly set: CodePoints; readonly target: number }[] {
    const edge = this.#states[state]?.edge;
    return edge === null || edge === undefined ? [] : [edge];
  }

  /** States reached without reading, ascending; those without an edge count only if they accept. */
  closure(from: readonly number[]): number[] {
    const seen = new Set<number>();
    const pending = [...from];
    for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
      if (seen.has(state)) continue;
      seen.add(state);
      if (++this.#visitCount > VISITS_MAX) {
        throw unsupportedGrammar('', 'the pattern is too ambiguous; make it simpler');
      }
      pending.push(...(this.#states[state]?.free ?? []));
    }
    const matters = (state: number) => state === this.accept || this.#states[state]?.edge !== null;
    return [...seen].filter(matters).sort((a, b) => a - b);
  }

  #add(edge: NfaState['edge'], free: number[]): number {
    if (this.#states.length >= STATES_MAX) {
      throw unsupportedGrammar('', `the pattern repeats too much: over ${STATES_MAX} states`);
    }
    this.#states.push({ edge, free });
    return this.#states.length - 1;
  }

  /** The state from which `expression` and then `next` is read. */
  #build(expression: Expression, next: number): number {
    switch (expression.kind) {
      case 'text':
        return [...expression.text].reduceRight((target, character) => {
          const codePoint = character.codePointAt(0) as number;
          return this.#add({ set: [[codePoint, codePoint]], target }, []);
        }, next);
      case 'class':
        return this.#add({ set: expression.set, target: next }, []);
      case 'sequence':
        return expression.items.reduceRight((target, item) => this.#build(item, target), next);
      case 'choice':
        return this.#add(
          null,
          expression.items.map((item) => this.#build(item, next)),
        );
      case 'repeat':
        return this.#repeat(expression, next);
      case 'rule':
      case 'token':
        throw new Error(`An automaton has no place for a ${expression.kind}.`);
    }
  }

  #repeat(expression: Expression & { readonly kind: 'repeat' }, next: number): number {
    const { item, min, max } = expression;
    let target = next;
    if (max === null) {
      const loop = this.#add(null, [next]);
      this.#states[loop]?.free.push(this.#build(item, loop));
      target = loop;
    } else {
      for (let i = min; i < max; i++) target = this.#add(null, [this.#build(item, target), next]);
    }
    for (let i = 0; i < min; i++) target = this.#build(item, target);
    return target;
  }
}
