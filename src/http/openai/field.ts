/**
 * Builders of request fields. Every optional field may also be null, which means that it was left
 * out: many clients write their unset fields that way. What a field does is said once, in its
 * description; docs/api.md is made from it.
 */
import { type Static, type TSchema, Type } from 'typebox';

type Range = {
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
};

/** A finite number in a range. */
export const number = (description: string, range: Range) =>
  Type.Optional(Type.Unsafe<number | null>({ type: ['number', 'null'], description, ...range }));

/** A whole number that a double holds exactly. */
export const integer = (description: string, range: Range = {}) =>
  Type.Optional(
    Type.Unsafe<number | null>({
      type: ['integer', 'null'],
      description,
      minimum: Number.MIN_SAFE_INTEGER,
      maximum: Number.MAX_SAFE_INTEGER,
      ...range,
    }),
  );

export const boolean = (description: string) =>
  Type.Optional(Type.Unsafe<boolean | null>({ type: ['boolean', 'null'], description }));

export const string = (
  description: string,
  limits: { readonly minLength?: number; readonly maxLength?: number } = {},
) =>
  Type.Optional(Type.Unsafe<string | null>({ type: ['string', 'null'], description, ...limits }));

/** An object whose keys the client chooses; its entries are checked by the code that reads it. */
export const dictionary = (description: string) =>
  Type.Optional(
    Type.Unsafe<Readonly<Record<string, unknown>> | null>({
      type: ['object', 'null'],
      description,
    }),
  );

export const list = <Item extends TSchema>(
  item: Item,
  description: string,
  limits: { readonly minItems?: number; readonly maxItems?: number } = {},
) =>
  Type.Optional(
    Type.Unsafe<readonly Static<Item>[] | null>({
      type: ['array', 'null'],
      items: item,
      description,
      ...limits,
    }),
  );

/** Several forms of one field; `expected` says in errors what they are. */
export const oneOf = <Forms extends readonly TSchema[]>(
  forms: readonly [...Forms],
  texts: { readonly expected: string; readonly description: string },
) => Type.Unsafe<Static<Forms[number]>>({ anyOf: forms, ...texts });

/** Any value; the code that reads it decides. */
export const anything = (description: string) =>
  Type.Optional(Type.Unsafe<unknown>({ description }));

/** A field that only later versions act on: see unsupported.ts for the values that are let through. */
export const refused = (reason: string) =>
  Type.Optional(Type.Unsafe<unknown>({ description: reason, refused: true }));

/** Accepted, and without effect on the answer. */
export const ignored = (description: string) =>
  Type.Optional(Type.Unsafe<unknown>({ description, ignored: true }));

/** A token id; whether the vocabulary has it is checked when the model is known. */
export const tokenId = () => Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 });
