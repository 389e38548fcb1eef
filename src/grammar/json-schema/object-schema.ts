/**
 * Objects: declared properties in the order of their declaration, then free ones. A free name is
 * never a declared one, so that no property is given twice with two meanings.
 */
import {
  choice,
  EMPTY,
  type Expression,
  NEVER,
  type RuleSet,
  repeat,
  rule,
  sequence,
} from '../expression.ts';
import { unsupportedGrammar } from '../grammar-error.ts';
import { jsonText } from '../json.ts';
import type { SchemaNode } from './conjunction.ts';
import { freeMembers } from './free-properties.ts';
import type { SchemaObject } from './keywords.ts';
import { PropertyNames } from './property-names.ts';
import type { SchemaParts } from './schema-parts.ts';

/** Counting properties takes a rule for each property and count. */
const COUNT_RULES_MAX = 4096;

type Member = { readonly pair: Expression; readonly required: boolean };

export function objectExpression(nodes: readonly SchemaNode[], parts: SchemaParts): Expression {
  const { json, rules } = parts;
  const names = new PropertyNames(nodes, parts);
  const required = new Set(nodes.flatMap(({ schema }) => listOf(schema, 'required')));
  const members = [...new Set([...names.declared, ...required])]
    .filter((name) => required.has(name) || names.allows(name))
    .map(
      (name): Member => ({
        pair: names.allows(name)
          ? rules.define('member', json.pair(jsonText(name), parts.value(names.schemasOf(name))))
          : NEVER,
        required: required.has(name),
      }),
    );
  const free = freeMembers(nodes, [...names.declared, ...required], parts);
  const limits = countLimits(nodes, members, free !== null);
  const inside = new MemberList(members, free, limits, parts).expression(rules);
  return json.braced('{', sequence(json.space, inside), '}');
}

type CountLimits = { readonly min: number; readonly max: number | null };

function countLimits(
  nodes: readonly SchemaNode[],
  members: readonly Member[],
  hasFree: boolean,
): CountLimits {
  const bound = (keyword: string) =>
    nodes.flatMap(({ schema }) => {
      const value = (schema as SchemaObject)[keyword];
      return typeof value === 'number' ? [value] : [];
    });
  const requiredCount = members.filter((member) => member.required).length;
  const min = Math.max(0, ...bound('minProperties'));
  const max = Math.min(Number.POSITIVE_INFINITY, ...bound('maxProperties'));
  const needsMin = min > requiredCount;
  const needsMax = hasFree ? Number.isFinite(max) : max < members.length;
  if (needsMin && hasFree) {
    throw unsupportedGrammar(
      nodes[0]?.path ?? '',
      'minProperties is supported up to the number of required properties, or without additional ' +
        'ones: equal names count once',
    );
  }
  const counted = Math.max(needsMin ? min : 0, needsMax ? max : 0) + 1;
  if (counted * (members.length + 1) > COUNT_RULES_MAX) {
    throw unsupportedGrammar(
      nodes[0]?.path ?? '',
      `minProperties or maxProperties times the properties is more than ${COUNT_RULES_MAX}`,
    );
  }
  return { min: needsMin ? min : 0, max: needsMax ? max : null };
}

/** The members as rules, one for each place in the order and count of members before it. */
class MemberList {
  readonly #members: readonly Member[];
  readonly #free: Expression | null;
  readonly #limits: CountLimits;
  readonly #parts: SchemaParts;
  readonly #names = new Map<string, string>();

  constructor(
    members: readonly Member[],
    free: Expression | null,
    limits: CountLimits,
    parts: SchemaParts,
  ) {
    this.#members = members;
    this.#free = free;
    this.#limits = limits;
    this.#parts = parts;
  }

  /** Built from the last place to the first, so that long lists do not recurse. */
  expression(rules: RuleSet): Expression {
    const { min, max } = this.#limits;
    const counted = Math.max(1, min, max === null ? 0 : max + 1);
    for (let index = this.#members.length; index >= 0; index--) {
      for (let count = 0; count <= Math.min(index, counted); count++) {
        const name = rules.reserve('members');
        this.#names.set(`${index},${count}`, name);
        rules.rules.set(name, this.#after(index, count, counted));
      }
    }
    return this.#at(0, 0);
  }

  #at(index: number, count: number): Expression {
    return rule(this.#names.get(`${index},${count}`) as string);
  }

  #after(index: number, count: number, counted: number): Expression {
    const member = this.#members[index];
    if (member === undefined) return this.#freeTail(count);
    const taken = sequence(
      this.#separated(member.pair, count),
      this.#at(index + 1, Math.min(count + 1, counted)),
    );
    const { max } = this.#limits;
    const mayTake = max === null || count < max;
    if (member.required) return mayTake ? taken : NEVER;
    const skipped = this.#at(index + 1, count);
    return mayTake ? choice([taken, skipped]) : skipped;
  }

  #freeTail(count: number): Expression {
    const { json } = this.#parts;
    const { min, max } = this.#limits;
    if (count < min || (max !== null && count > max)) return NEVER;
    const end = count === 0 ? EMPTY : json.space;
    const free = this.#free;
    const room = max === null ? null : max - count;
    if (free === null || room === 0) return end;
    const next = sequence(json.comma, free);
    if (count > 0) return sequence(repeat(next, 0, room), end);
    const more = repeat(next, 0, room === null ? null : room - 1);
    return choice([EMPTY, sequence(free, more, json.space)]);
  }

  #separated(pair: Expression, count: number): Expression {
    return count === 0 ? pair : sequence(this.#parts.json.comma, pair);
  }
}

const listOf = (schema: unknown, keyword: string): readonly string[] =>
  ((schema as SchemaObject)[keyword] as readonly string[] | undefined) ?? [];
