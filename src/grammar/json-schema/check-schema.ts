/** The walk over every schema of a request before any is compiled: keywords, values and size. */
import { invalidGrammar, unsupportedGrammar } from '../grammar-error.ts';
import { checkKeywords, isSchema, type SchemaObject } from './keywords.ts';

/** Schemas inside schemas. */
export const SCHEMA_DEPTH_MAX = 32;
/** Schemas of one request, those of `$defs` included. */
export const SCHEMA_COUNT_MAX = 1000;
/** Bytes of a schema as JSON. */
export const SCHEMA_BYTES_MAX = 64 * 1024;

const SINGLE = ['additionalItems', 'additionalProperties', 'items', 'propertyNames'];
const LISTS = ['allOf', 'anyOf', 'oneOf', 'prefixItems', 'items'];
const MAPS = ['$defs', 'definitions', 'patternProperties', 'properties'];

/** Throws EtapError ETAP_ERR_GRAMMAR, ETAP_ERR_GRAMMAR_UNSUPPORTED. */
export function checkSchema(schema: unknown, path: string): void {
  if (!isSchema(schema)) throw invalidGrammar(path, 'a schema is an object, true or false');
  const bytes = Buffer.byteLength(JSON.stringify(schema));
  if (bytes > SCHEMA_BYTES_MAX) {
    throw unsupportedGrammar(
      path,
      `the schema has ${bytes} bytes, at most ${SCHEMA_BYTES_MAX} are allowed`,
    );
  }
  new SchemaWalk(path).visit(schema, path, 1);
}

class SchemaWalk {
  readonly #rootPath: string;
  #count = 0;

  constructor(rootPath: string) {
    this.#rootPath = rootPath;
  }

  visit(schema: unknown, path: string, depth: number): void {
    if (++this.#count > SCHEMA_COUNT_MAX) {
      throw unsupportedGrammar(
        this.#rootPath,
        `there are more than ${SCHEMA_COUNT_MAX} schemas inside`,
      );
    }
    if (depth > SCHEMA_DEPTH_MAX) {
      throw unsupportedGrammar(
        this.#rootPath,
        `schemas nest deeper than ${SCHEMA_DEPTH_MAX} levels`,
      );
    }
    if (typeof schema === 'boolean') return;
    const object = schema as SchemaObject;
    checkKeywords(object, path, depth === 1);
    for (const keyword of SINGLE) {
      if (isSchema(object[keyword])) this.visit(object[keyword], `${path}.${keyword}`, depth + 1);
    }
    for (const keyword of LISTS) {
      const list = object[keyword];
      if (!Array.isArray(list)) continue;
      for (const [i, item] of list.entries()) {
        this.visit(item, `${path}.${keyword}[${i}]`, depth + 1);
      }
    }
    for (const keyword of MAPS) {
      for (const [name, item] of Object.entries((object[keyword] as SchemaObject) ?? {})) {
        this.visit(item, `${path}.${keyword}.${shownName(name)}`, depth + 1);
      }
    }
  }
}

/** Names are the client's: they are repeated only where they are plain. */
const shownName = (name: string): string => (/^[$\w-]{1,64}$/.test(name) ? name : '*');
