/**
 * What a grammar is made of: expressions over code points and special tokens, and named rules that
 * may refer to each other. Every language (JSON Schema, regex, EBNF, tool calls) is translated into
 * this form, and the grammar engine reads nothing else.
 */
import type { CodePoints } from './code-points.ts';

export type Expression =
  | { readonly kind: 'text'; readonly text: string }
  /** One code point of the set. */
  | { readonly kind: 'class'; readonly set: CodePoints }
  | { readonly kind: 'sequence'; readonly items: readonly Expression[] }
  /** One of the items; of none: nothing matches. */
  | { readonly kind: 'choice'; readonly items: readonly Expression[] }
  | {
      readonly kind: 'repeat';
      readonly item: Expression;
      readonly min: number;
      /** Null: any number. */
      readonly max: number | null;
    }
  | { readonly kind: 'rule'; readonly name: string }
  /** A special token by its id; text never matches it, nor does it match text. */
  | { readonly kind: 'token'; readonly id: number };

export type Grammar = {
  readonly root: string;
  readonly rules: ReadonlyMap<string, Expression>;
};

/** Matches the empty text alone. */
export const EMPTY: Expression = { kind: 'text', text: '' };
/** Matches nothing at all. */
export const NEVER: Expression = { kind: 'choice', items: [] };

export const text = (value: string): Expression => ({ kind: 'text', text: value });
export const oneOf = (set: CodePoints): Expression => ({ kind: 'class', set });
export const rule = (name: string): Expression => ({ kind: 'rule', name });
export const specialToken = (id: number): Expression => ({ kind: 'token', id });

export const sequence = (...items: readonly Expression[]): Expression =>
  items.length === 1 ? (items[0] as Expression) : { kind: 'sequence', items };

export const choice = (items: readonly Expression[]): Expression =>
  items.length === 1 ? (items[0] as Expression) : { kind: 'choice', items };

/** Repetitions of nothing are nothing: spelled out, nested ones would never come to an end. */
export function repeat(item: Expression, min: number, max: number | null): Expression {
  if (max === 0 || matchesOnlyEmpty(item)) return EMPTY;
  return min === 1 && max === 1 ? item : { kind: 'repeat', item, min, max };
}

function matchesOnlyEmpty(expression: Expression): boolean {
  if (expression.kind === 'text') return expression.text === '';
  if (expression.kind === 'sequence') return expression.items.every(matchesOnlyEmpty);
  return (
    expression.kind === 'choice' &&
    expression.items.length > 0 &&
    expression.items.every(matchesOnlyEmpty)
  );
}

export const optional = (item: Expression): Expression => repeat(item, 0, 1);

/** The expressions directly inside one. */
export function partsOf(expression: Expression): readonly Expression[] {
  if (expression.kind === 'sequence' || expression.kind === 'choice') return expression.items;
  return expression.kind === 'repeat' ? [expression.item] : [];
}

/** Rules under construction: each gets a name of its own. */
export class RuleSet {
  readonly rules = new Map<string, Expression>();
  readonly #nameCounts = new Map<string, number>();

  /** Defines a rule under a name made from `hint`. */
  define(hint: string, expression: Expression): Expression {
    const name = this.reserve(hint);
    this.rules.set(name, expression);
    return rule(name);
  }

  /** A name to be defined later: how rules refer to themselves. */
  reserve(hint: string): string {
    const count = (this.#nameCounts.get(hint) ?? 0) + 1;
    this.#nameCounts.set(hint, count);
    const name = count === 1 ? hint : `${hint}#${count}`;
    this.rules.set(name, NEVER);
    return name;
  }

  grammar(root: Expression): Grammar {
    const name = this.reserve('root');
    this.rules.set(name, root);
    return { root: name, rules: this.rules };
  }
}
