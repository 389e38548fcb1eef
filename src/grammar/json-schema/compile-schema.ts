/** JSON Schema as a grammar whose every text is a JSON document that the schema accepts. */
import { accepts } from '../automaton.ts';
import {
  choice,
  type Expression,
  type Grammar,
  NEVER,
  RuleSet,
  rule,
  text,
} from '../expression.ts';
import { at, unsupportedGrammar } from '../grammar-error.ts';
import { JsonRules, jsonText } from '../json.ts';
import { arrayExpression } from './array-schema.ts';
import { checkSchema } from './check-schema.ts';
import {
  alternativesOf,
  type Conjunction,
  SchemaDocument,
  type SchemaNode,
} from './conjunction.ts';
import { allowsConstant, factsOf, type ValueFacts } from './facts.ts';
import type { Schema, SchemaObject } from './keywords.ts';
import { integerExpression, numberExpression } from './number-schema.ts';
import { objectExpression } from './object-schema.ts';
import type { SchemaParts } from './schema-parts.ts';
import { type StringFacts, stringAutomaton, stringExpression } from './string-schema.ts';

/**
 * The grammar of a schema; `path` is the request's name for it. Throws EtapError ETAP_ERR_GRAMMAR,
 * ETAP_ERR_GRAMMAR_UNSUPPORTED, with the keyword and where it stands.
 */
export function grammarOfSchema(schema: unknown, path: string): Grammar {
  const rules = new RuleSet();
  return rules.grammar(schemaExpression(schema, { path, rules, json: new JsonRules(rules) }));
}

/** The same as an expression of a larger grammar. */
export function schemaExpression(
  schema: unknown,
  parts: { readonly path: string; readonly rules: RuleSet; readonly json: JsonRules },
): Expression {
  checkSchema(schema, parts.path);
  const source = new SchemaDocument(schema as Schema, parts.path);
  return new SchemaCompiler(parts.rules, parts.json, source).value([source.root]);
}

class SchemaCompiler implements SchemaParts {
  readonly rules: RuleSet;
  readonly json: JsonRules;
  readonly source: SchemaDocument;
  /** Lists of schemas that have a rule, by their numbers. */
  readonly #known = new Map<string, string>();

  constructor(rules: RuleSet, json: JsonRules, source: SchemaDocument) {
    this.rules = rules;
    this.json = json;
    this.source = source;
  }

  value(conjunction: Conjunction): Expression {
    const key = [...new Set(conjunction.map(({ id }) => id))].sort((a, b) => a - b).join();
    const known = this.#known.get(key);
    if (known !== undefined) return rule(known);
    const name = this.rules.reserve('value');
    this.#known.set(key, name);
    const ways = alternativesOf(conjunction, this.source).map((plain) => this.#plain(plain));
    this.rules.rules.set(name, choice(ways));
    return rule(name);
  }

  #plain(conjunction: Conjunction): Expression {
    const facts = factsOf(conjunction);
    const path = conjunction[0]?.path ?? '';
    if (facts.constants !== null) return this.#constants(facts.constants, facts, path);
    const ways: Expression[] = [];
    const { types } = facts;
    if (types.has('object')) ways.push(this.#object(facts));
    if (types.has('array')) ways.push(this.#array(facts));
    if (types.has('string')) {
      const at0 = conjunction.find(hasStringKeyword)?.path ?? path;
      ways.push(at(at0, () => stringExpression(facts.string, this.rules, this.json)));
    }
    if (types.has('number')) ways.push(numberExpression(facts.number, this.rules));
    else if (types.has('integer')) ways.push(integerExpression(facts.number, this.rules));
    if (types.has('boolean')) ways.push(text('true'), text('false'));
    if (types.has('null')) ways.push(text('null'));
    return choice(ways);
  }

  #object({ objects }: ValueFacts): Expression {
    return objects.length === 0 ? this.json.object : objectExpression(objects, this);
  }

  #array({ arrays }: ValueFacts): Expression {
    return arrays.length === 0 ? this.json.array : arrayExpression(arrays, this);
  }

  #constants(values: readonly unknown[], facts: ValueFacts, path: string): Expression {
    const matches = (value: string, string: StringFacts) =>
      accepts(
        at(path, () => stringAutomaton(string)),
        value,
      );
    const allowed = values.filter((value) => allowsConstant(value, facts, matches));
    const structured = allowed.some((value) => typeof value === 'object' && value !== null);
    if (structured && facts.arrays.length + facts.objects.length > 0) {
      throw unsupportedGrammar(
        path,
        'const and enum with arrays or objects are supported without further keywords for them',
      );
    }
    return allowed.length === 0 ? NEVER : choice(allowed.map(jsonText));
  }
}

const hasStringKeyword = ({ schema }: SchemaNode): boolean =>
  (schema as SchemaObject).pattern !== undefined || (schema as SchemaObject).format !== undefined;
