/** The API as an OpenAPI 3.1 document, from the schemas that validate and the table of routes. */
import { ERROR_TABLE } from '../../errors.ts';
import { ROUTES, type RouteRow } from '../route-table.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

export type OpenApiDocument = {
  readonly openapi: string;
  readonly info: JsonObject;
  readonly components: JsonObject;
  readonly security: readonly Json[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, JsonObject>>>>;
};

export function openApiDocument(version: string): OpenApiDocument {
  const paths: Record<string, Record<string, JsonObject>> = {};
  for (const route of ROUTES) {
    const path = route.path.replace('*', '{name}').replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Etap',
      version,
      license: { name: 'MIT', identifier: 'MIT' },
      description: 'MLA language models behind the OpenAI API. Unknown fields are ignored.',
    },
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
      schemas: { Error: ERROR_SCHEMA },
    },
    security: [{ key: [] }],
    paths,
  };
}

function operation(route: RouteRow) {
  const { method, path, summary, tag, body, answer, streams, open, upgrades } = route;
  const json = { 'application/json': { schema: { type: 'object' } } };
  const events = { 'text/event-stream': { schema: { type: 'string' } } };
  const content =
    answer === undefined
      ? { ...json, ...(streams === true && events) }
      : { [answer]: { schema: { type: 'string' } } };
  return {
    operationId: method.toLowerCase() + path.replace('*', 'byName').replaceAll(WORD_START, upper),
    summary,
    tags: [tag],
    ...(open === true && { security: [] }),
    ...parameters(path),
    ...(body !== undefined && {
      requestBody: { required: true, content: { 'application/json': { schema: plain(body) } } },
    }),
    responses: {
      ...(upgrades === true
        ? { '101': { description: 'The connection is a WebSocket now.' } }
        : { '200': { description: 'The answer.', content } }),
      default: ERROR_RESPONSE,
    },
  } satisfies JsonObject;
}

const WORD_START = /[^a-z0-9]+([a-z0-9]?)/gi;

const upper = (_match: string, letter: string): string => letter.toUpperCase();

/** Keywords of our own that tell documents what a field does. */
const OWN_KEYWORDS: Readonly<Record<string, string | null>> = {
  expected: null,
  ignored: 'x-etap-ignored',
  refused: 'x-etap-refused',
};

/** A schema as JSON, its own keywords named as extensions. */
function plain(value: unknown): Json {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value as Json;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => {
      // A field may be called as a keyword is; its schema is an object, a keyword's value is not.
      const name = typeof inner === 'object' ? key : OWN_KEYWORDS[key];
      return name === null ? [] : [[name ?? key, plain(inner)]];
    }),
  );
}

/** Those that a path has in it. */
function parameters(path: string): JsonObject {
  const names = [...path.matchAll(/:(\w+)|\*/g)].map(([, name = 'name']) => name);
  if (names.length === 0) return {};
  const schema = { type: 'string' };
  return { parameters: names.map((name) => ({ name, in: 'path', required: true, schema })) };
}

const ERROR_SCHEMA = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['message', 'type', 'param', 'code'],
      properties: {
        message: { type: 'string' },
        type: { enum: [...new Set(Object.values(ERROR_TABLE).map(({ type }) => type))] },
        param: { type: ['string', 'null'] },
        code: { type: ['string', 'null'] },
      },
    },
  },
};

const ERROR_RESPONSE = {
  description: 'An error; docs/errors.md lists the codes.',
  content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
};
