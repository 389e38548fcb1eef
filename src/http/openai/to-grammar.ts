/** What a request says about the form of its text, as one grammar. */
import { createHash } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { EtapError } from '../../errors.ts';
import { type GrammarLanguage, type GrammarSpec, grammarOf } from '../../grammar/index.ts';
import { describe, invalidField } from './invalid.ts';
import { grammarFields, samplingFields } from './shared-fields.ts';

const { allowed_token_ids } = samplingFields;
const GrammarBody = Type.Object({ ...grammarFields, allowed_token_ids });
type GrammarBody = Static<typeof GrammarBody>;

type Asked = { readonly field: string; readonly language: GrammarLanguage };

/**
 * Null where the text is free. Throws EtapError ETAP_ERR_INVALID_REQUEST, ETAP_ERR_NOT_SUPPORTED,
 * ETAP_ERR_GRAMMAR, ETAP_ERR_GRAMMAR_UNSUPPORTED.
 */
export function toGrammar(body: GrammarBody): GrammarSpec | null {
  const asked = askedFor(body);
  const [first, second] = asked;
  if (first === undefined) return null;
  if (second !== undefined) {
    throw invalidField(
      second.field,
      `allowed is one form of the text, ${first.field} is there too`,
    );
  }
  if (body.allowed_token_ids != null) {
    throw invalidField('allowed_token_ids', `not allowed together with ${first.field}`);
  }
  const spec = { language: first.language, startAfter: null };
  checkGrammar(spec, first.field);
  return spec;
}

function askedFor(body: GrammarBody): readonly Asked[] {
  const fields: readonly (readonly [string, (value: unknown, path: string) => GrammarLanguage])[] =
    [
      ['json_schema', schemaLanguage],
      ['guided_json', schemaLanguage],
      ['regex', regexLanguage],
      ['guided_regex', regexLanguage],
      ['choice', choiceLanguage],
      ['guided_choice', choiceLanguage],
      ['grammar', ebnfLanguage],
      ['ebnf', ebnfLanguage],
      ['guided_grammar', ebnfLanguage],
    ];
  const single = fields.flatMap(([field, language]) => {
    const value = (body as Readonly<Record<string, unknown>>)[field];
    return value == null ? [] : [{ field, language: language(value, field) }];
  });
  return [
    ...responseFormat(body.response_format ?? null),
    ...structuredOutputs(body.structured_outputs ?? null),
    ...single,
  ];
}

function responseFormat(format: Readonly<Record<string, unknown>> | null): readonly Asked[] {
  if (format === null || format.type === 'text') return [];
  const field = 'response_format';
  if (format.type === 'json_object') {
    // Some clients send a schema along under this older type.
    const language =
      format.schema == null
        ? ({ kind: 'jsonObject' } as const)
        : schemaLanguage(format.schema, `${field}.schema`);
    return [{ field, language }];
  }
  if (format.type !== 'json_schema') {
    throw invalidField(
      `${field}.type`,
      `found ${describe(format.type)}, allowed is one of text, json_object, json_schema`,
    );
  }
  const { json_schema: wrapper } = format;
  if (typeof wrapper !== 'object' || wrapper === null || !('schema' in wrapper)) {
    throw invalidField(`${field}.json_schema.schema`, 'this field is required');
  }
  return [{ field, language: schemaLanguage(wrapper.schema, `${field}.json_schema.schema`) }];
}

/** Keys of vLLM that change what is enforced in ways that are not there. */
const UNSUPPORTED_KEYS = [
  'structural_tag',
  'whitespace_pattern',
  'disable_any_whitespace',
  'disable_additional_properties',
];

function structuredOutputs(asked: Readonly<Record<string, unknown>> | null): readonly Asked[] {
  if (asked === null) return [];
  const field = 'structured_outputs';
  for (const key of UNSUPPORTED_KEYS) {
    if (asked[key] == null || asked[key] === false) continue;
    const name = `${field}.${key}`;
    throw new EtapError('ETAP_ERR_NOT_SUPPORTED', `${name}: not supported; leave it out`, name);
  }
  const forms: readonly (readonly [string, (value: unknown, path: string) => GrammarLanguage])[] = [
    ['json', schemaLanguage],
    ['json_object', () => ({ kind: 'jsonObject' })],
    ['regex', regexLanguage],
    ['choice', choiceLanguage],
    ['grammar', ebnfLanguage],
  ];
  return forms.flatMap(([key, language]) => {
    const value = asked[key];
    if (value == null || value === false) return [];
    const path = `${field}.${key}`;
    return [{ field: path, language: language(value, path) }];
  });
}

/** A schema, or its text. */
function schemaLanguage(value: unknown, path: string): GrammarLanguage {
  if (typeof value !== 'string') return { kind: 'jsonSchema', schema: value, path };
  try {
    return { kind: 'jsonSchema', schema: JSON.parse(value), path };
  } catch {
    throw invalidField(path, 'found a string that is not JSON, allowed is a schema');
  }
}

const regexLanguage = (value: unknown, path: string): GrammarLanguage => ({
  kind: 'regex',
  source: stringOf(value, path),
  path,
});

const ebnfLanguage = (value: unknown, path: string): GrammarLanguage => ({
  kind: 'ebnf',
  source: stringOf(value, path),
  path,
});

function choiceLanguage(value: unknown, path: string): GrammarLanguage {
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) {
    return { kind: 'choice', choices: value, path };
  }
  throw invalidField(path, `found ${describe(value)}, allowed is a list of strings`);
}

function stringOf(value: unknown, path: string): string {
  if (typeof value === 'string') return value;
  throw invalidField(path, `found ${describe(value)}, allowed is a string`);
}

/** Digests of grammars that were found good: most requests send one that was seen before. */
const good = new Set<string>();
const GOOD_MAX = 4096;

/** Throws EtapError ETAP_ERR_GRAMMAR, ETAP_ERR_GRAMMAR_UNSUPPORTED with `field` as its parameter. */
export function checkGrammar(spec: GrammarSpec, field: string): void {
  const digest = createHash('sha256').update(JSON.stringify(spec)).digest('base64');
  if (good.has(digest)) return;
  try {
    grammarOf(spec);
  } catch (error) {
    if (!(error instanceof EtapError)) throw error;
    throw new EtapError(error.code, error.message, field);
  }
  if (good.size >= GOOD_MAX) good.clear();
  good.add(digest);
}
