/**
 * Schemas that must all hold for one value. References and `allOf` make the list longer, `anyOf` and
 * `oneOf` split it into alternatives, until only plain schemas are left.
 */
import { invalidGrammar, unsupportedGrammar } from '../grammar-error.ts';
import { assertDisjoint } from './disjoint.ts';
import { isSchema, type Schema, type SchemaObject } from './keywords.ts';

/** One schema of the request and where it stands, e.g. `schema.properties.age`. */
export type SchemaNode = { readonly id: number; readonly schema: Schema; readonly path: string };

export type Conjunction = readonly SchemaNode[];

/** Combinations of alternatives of one value; each is a branch of the grammar. */
const ALTERNATIVES_MAX = 64;
/** Schemas of one conjunction: references that lead to themselves end here. */
const MEMBERS_MAX = 64;

/** Finds the schemas that a schema names. */
export type SchemaSource = {
  child(node: SchemaNode, ...keys: readonly (string | number)[]): SchemaNode;
  /** Throws EtapError ETAP_ERR_GRAMMAR. */
  resolve(reference: string, from: SchemaNode): SchemaNode;
};

/** A conjunction as alternatives of plain schemas: those without references and combinators. */
export function alternativesOf(conjunction: Conjunction, source: SchemaSource): Conjunction[] {
  const done: Conjunction[] = [];
  const pending: { readonly plain: Conjunction; readonly rest: Conjunction }[] = [
    { plain: [], rest: conjunction },
  ];
  for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
    const [node, ...rest] = state.rest;
    if (node === undefined) {
      done.push(state.plain);
      if (done.length > ALTERNATIVES_MAX) throw tooMany(conjunction);
      continue;
    }
    if (state.plain.some(({ id }) => id === node.id)) {
      pending.push({ plain: state.plain, rest });
      continue;
    }
    const plain = [...state.plain, node];
    if (plain.length + rest.length > MEMBERS_MAX) throw tooMany(conjunction);
    if (pending.length > ALTERNATIVES_MAX) throw tooMany(conjunction);
    const ways = expansions(node, source);
    // The last one pushed comes out first: alternatives stay in their order.
    for (const way of [...ways].reverse()) pending.push({ plain, rest: [...way, ...rest] });
  }
  return done;
}

/** What else must hold with a schema: one list for each alternative; none when it never holds. */
function expansions(node: SchemaNode, source: SchemaSource): readonly Conjunction[] {
  if (typeof node.schema === 'boolean') return node.schema ? [[]] : [];
  const { $ref, allOf, anyOf, oneOf } = node.schema as {
    readonly $ref?: string;
    readonly allOf?: readonly Schema[];
    readonly anyOf?: readonly Schema[];
    readonly oneOf?: readonly Schema[];
  };
  const fixed = [
    ...($ref === undefined ? [] : [source.resolve($ref, node)]),
    ...(allOf ?? []).map((_, i) => source.child(node, 'allOf', i)),
  ];
  let ways: Conjunction[] = [fixed];
  if (anyOf !== undefined) {
    ways = ways.flatMap((way) => anyOf.map((_, i) => [...way, source.child(node, 'anyOf', i)]));
  }
  if (oneOf !== undefined) {
    assertDisjoint(
      oneOf.map((_, i) => source.child(node, 'oneOf', i)),
      source,
      node.path,
    );
    ways = ways.flatMap((way) => oneOf.map((_, i) => [...way, source.child(node, 'oneOf', i)]));
  }
  return ways;
}

const tooMany = ([node]: Conjunction) =>
  unsupportedGrammar(
    node?.path ?? '',
    'the schema combines more than ' +
      `${ALTERNATIVES_MAX} alternatives, or refers to itself without a value in between`,
  );

/** The schemas of one request, each numbered once, so that equal lists are recognised. */
export class SchemaDocument implements SchemaSource {
  readonly root: SchemaNode;
  readonly #nodes = new Map<string, SchemaNode>();

  constructor(root: Schema, path: string) {
    this.root = this.#node([], root, path);
  }

  child(node: SchemaNode, ...keys: readonly (string | number)[]): SchemaNode {
    const pointer = [...this.#pointerOf(node), ...keys.map(String)];
    let value: unknown = node.schema;
    for (const key of keys) value = (value as SchemaObject)[key];
    return this.#node(pointer, value as Schema, node.path + keys.map(pathStep).join(''));
  }

  resolve(reference: string, from: SchemaNode): SchemaNode {
    if (!reference.startsWith('#') || (reference.length > 1 && reference[1] !== '/')) {
      throw unsupportedGrammar(
        from.path,
        '$ref must be a JSON pointer into this schema, as #/$defs/name',
      );
    }
    const keys = reference.split('/').slice(1).map(unescapeKey);
    let value: unknown = this.root.schema;
    for (const key of keys) {
      const inside = typeof value === 'object' && value !== null && Object.hasOwn(value, key);
      value = inside ? (value as SchemaObject)[key] : undefined;
    }
    if (!isSchema(value)) throw invalidGrammar(from.path, '$ref names no schema of this request');
    return this.#node(keys, value, this.root.path + keys.map(pathStep).join(''));
  }

  readonly #pointers = new Map<number, readonly string[]>();

  #pointerOf(node: SchemaNode): readonly string[] {
    return this.#pointers.get(node.id) ?? [];
  }

  #node(pointer: readonly string[], schema: Schema, path: string): SchemaNode {
    const key = pointer.map((step) => step.replaceAll('/', '~1')).join('/');
    const known = this.#nodes.get(key);
    if (known !== undefined) return known;
    const node = { id: this.#nodes.size, schema, path };
    this.#nodes.set(key, node);
    this.#pointers.set(node.id, pointer);
    return node;
  }
}

function unescapeKey(key: string): string {
  let decoded = key;
  try {
    decoded = decodeURIComponent(key);
  } catch {
    // Not percent-encoded: taken as it is.
  }
  return decoded.replaceAll('~1', '/').replaceAll('~0', '~');
}

const pathStep = (key: string | number): string => {
  if (typeof key === 'number' || /^\d+$/.test(key)) return `[${key}]`;
  // Names are the client's: they are repeated only where they are plain.
  return /^[$\w-]{1,64}$/.test(key) ? `.${key}` : '.*';
};
