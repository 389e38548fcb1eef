/** Which property names an object may have, and which schemas hold for the value of each. */
import { type Automaton, accepts, automatonOf, complement, intersect } from '../automaton.ts';
import { choice, text } from '../expression.ts';
import { at, unsupportedGrammar } from '../grammar-error.ts';
import { anywhereMatch } from '../regex/parse-regex.ts';
import { alternativesOf, type Conjunction, type SchemaNode } from './conjunction.ts';
import { factsOf } from './facts.ts';
import type { SchemaObject } from './keywords.ts';
import type { SchemaParts } from './schema-parts.ts';
import { stringAutomaton } from './string-schema.ts';

export class PropertyNames {
  readonly declared: readonly string[];
  /** Patterns of `patternProperties`, each once. */
  readonly patterns: readonly string[];
  readonly #nodes: readonly SchemaNode[];
  readonly #parts: SchemaParts;
  readonly #patternAutomata = new Map<string, Automaton>();
  readonly #allowed: Automaton | null;

  constructor(nodes: readonly SchemaNode[], parts: SchemaParts) {
    this.#nodes = nodes;
    this.#parts = parts;
    this.declared = namesIn(nodes, 'properties');
    this.patterns = namesIn(nodes, 'patternProperties');
    this.#allowed = this.#namesAllowed();
  }

  /** What `propertyNames` says about a name. */
  allows(name: string): boolean {
    return this.#allowed === null || accepts(this.#allowed, name);
  }

  schemasOf(name: string): Conjunction {
    return this.#nodes.flatMap((node) => {
      const declared = Object.hasOwn(mapOf(node, 'properties'), name)
        ? [this.#parts.source.child(node, 'properties', name)]
        : [];
      const matching = Object.keys(mapOf(node, 'patternProperties'))
        .filter((pattern) => accepts(this.#patternAutomaton(node, pattern), name))
        .map((pattern) => this.#parts.source.child(node, 'patternProperties', pattern));
      const own = [...declared, ...matching];
      return own.length > 0 ? own : this.additional(node);
    });
  }

  /** Schemas of names that match one pattern and are neither declared nor match another. */
  schemasOfPattern(pattern: string): Conjunction {
    return this.#nodes.flatMap((node) =>
      Object.hasOwn(mapOf(node, 'patternProperties'), pattern)
        ? [this.#parts.source.child(node, 'patternProperties', pattern)]
        : this.additional(node),
    );
  }

  additional(node: SchemaNode): Conjunction {
    const { additionalProperties } = node.schema as SchemaObject;
    return additionalProperties === undefined
      ? []
      : [this.#parts.source.child(node, 'additionalProperties')];
  }

  /** Names that match `pattern` alone, or, for null, no pattern; without the `taken` ones. */
  automaton(pattern: string | null, taken: readonly string[]): Automaton | null {
    const parts = this.#allowed === null ? [] : [this.#allowed];
    if (taken.length > 0) parts.push(complement(automatonOf(choice(taken.map(text)))));
    for (const one of this.patterns) {
      const automaton = this.#patternAutomaton(this.#nodes[0] as SchemaNode, one);
      parts.push(one === pattern ? automaton : complement(automaton));
    }
    return parts.length === 0 ? null : parts.reduce(intersect);
  }

  #patternAutomaton({ path }: SchemaNode, pattern: string): Automaton {
    let automaton = this.#patternAutomata.get(pattern);
    if (automaton === undefined) {
      automaton = at(`${path}.patternProperties`, () => automatonOf(anywhereMatch(pattern)));
      this.#patternAutomata.set(pattern, automaton);
    }
    return automaton;
  }

  #namesAllowed(): Automaton | null {
    const { source } = this.#parts;
    const rules = this.#nodes
      .filter(({ schema }) => (schema as SchemaObject).propertyNames !== undefined)
      .map((node) => source.child(node, 'propertyNames'));
    const [first] = rules;
    if (first === undefined) return null;
    const [plain, ...others] = alternativesOf(rules, source);
    if (plain === undefined || others.length > 0) {
      throw unsupportedGrammar(first.path, 'propertyNames is supported without alternatives');
    }
    const { constants, string } = factsOf(plain);
    const automaton = at(first.path, () => stringAutomaton(string));
    if (constants === null) return automaton;
    const names = constants.filter((value) => typeof value === 'string');
    return intersect(automaton, automatonOf(choice(names.map(text))));
  }
}

export const mapOf = ({ schema }: SchemaNode, keyword: string): SchemaObject =>
  ((schema as SchemaObject)[keyword] as SchemaObject | undefined) ?? {};

const namesIn = (nodes: readonly SchemaNode[], keyword: string): readonly string[] => [
  ...new Set(nodes.flatMap((node) => Object.keys(mapOf(node, keyword)))),
];
