/** One setting of the configuration: its TypeBox schema carries what documents and parsers need. */
import { type TSchema, Type } from 'typebox';

export type SettingValue = string | number | boolean | null | readonly string[];

/** How a setting is written as text, in the environment and on the command line. */
export type SettingKind =
  | 'integer'
  | 'milliseconds'
  | 'bytes'
  | 'boolean'
  | 'choice'
  | 'text'
  | 'list';

/** What the builders below leave in a schema beside the JSON Schema keywords. */
export type SettingFacts = {
  readonly kind: SettingKind;
  readonly description: string;
  readonly default: SettingValue;
  /** The value may be null, written `auto` as text: the server chooses. */
  readonly auto: boolean;
  readonly minimum: number | null;
  readonly maximum: number | null;
  readonly choices: readonly string[];
  /** Never printed. */
  readonly secret: boolean;
};

type Range = { readonly minimum: number; readonly maximum: number };

const PLAIN = { auto: false, minimum: null, maximum: null, choices: [], secret: false } as const;

/** A whole number in a range. */
export const integer = (description: string, range: Range & { readonly default: number }) =>
  Type.Integer({ ...PLAIN, kind: 'integer', description, ...range });

/** A whole number in a range, or null where the server is to choose. */
export const integerOrAuto = (description: string, range: Range) =>
  Type.Union([Type.Integer(range), Type.Null()], {
    ...PLAIN,
    ...range,
    kind: 'integer',
    description,
    default: null,
    auto: true,
  });

/** A whole number in a range, or null where it is not set. */
export const integerOrUnset = (description: string, range: Range) =>
  Type.Union([Type.Integer(range), Type.Null()], {
    ...PLAIN,
    ...range,
    kind: 'integer',
    description,
    default: null,
  });

/** A duration; its key ends in `Ms`. */
export const milliseconds = (description: string, range: Range & { readonly default: number }) =>
  Type.Integer({ ...PLAIN, kind: 'milliseconds', description, ...range });

/** A size in bytes; as text also `512MiB`. */
export const bytes = (description: string, range: Range & { readonly default: number }) =>
  Type.Integer({ ...PLAIN, kind: 'bytes', description, ...range });

/** A size in bytes, or null where the server is to choose. */
export const bytesOrAuto = (description: string, range: Range) =>
  Type.Union([Type.Integer(range), Type.Null()], {
    ...PLAIN,
    ...range,
    kind: 'bytes',
    description,
    default: null,
    auto: true,
  });

/** A switch. */
export const boolean = (description: string, options: { readonly default: boolean }) =>
  Type.Boolean({ ...PLAIN, kind: 'boolean', description, ...options });

/** A switch, or null where the server is to choose. */
export const booleanOrAuto = (description: string) =>
  Type.Union([Type.Boolean(), Type.Null()], {
    ...PLAIN,
    kind: 'boolean',
    description,
    default: null,
    auto: true,
  });

/** One word of a closed set. */
export const choice = <const Words extends readonly string[]>(
  description: string,
  options: { readonly words: Words; readonly default: Words[number] },
) =>
  // Type.Enum widens a generic list of words, so their union is stated.
  Type.Unsafe<Words[number]>(
    Type.Enum([...options.words], {
      ...PLAIN,
      kind: 'choice',
      description,
      default: options.default,
      choices: options.words,
    }),
  );

/** Any text that is not empty. */
export const text = (description: string, options: { readonly default: string }) =>
  Type.String({ ...PLAIN, kind: 'text', description, minLength: 1, ...options });

/** Text, or null where it is not set. */
export const textOrUnset = (description: string) =>
  Type.Union([Type.String({ minLength: 1 }), Type.Null()], {
    ...PLAIN,
    kind: 'text',
    description,
    default: null,
  });

/** Several texts; separated by commas in the environment, repeated on the command line. */
export const list = (description: string, options: { readonly secret: boolean }) =>
  Type.Array(Type.String({ minLength: 1 }), {
    ...PLAIN,
    kind: 'list',
    description,
    default: [],
    ...options,
  });

/** The facts a builder left in its schema. */
export function settingFacts(schema: TSchema): SettingFacts {
  return schema as unknown as SettingFacts;
}
