/** JSON itself: white space, strings, and any value. */
import {
  ALL_CODE_POINTS,
  type CodePoints,
  charactersOf,
  codePoints,
  contains,
  subtract,
} from './code-points.ts';
import {
  choice,
  type Expression,
  NEVER,
  oneOf,
  optional,
  type RuleSet,
  repeat,
  rule,
  sequence,
  text,
} from './expression.ts';

/** Characters that JSON strings hold as they are. */
const PLAIN = subtract(ALL_CODE_POINTS, codePoints([0, 0x1f], [0x22, 0x22], [0x5c, 0x5c]));
const ESCAPES: readonly (readonly [character: string, escape: string])[] = [
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
];
/** Blanks of one indentation; a model that indents deeper than this is lost in white space. */
const INDENT_MAX = 40;

const HEX = oneOf(codePoints([0x30, 0x39], [0x41, 0x46], [0x61, 0x66]));
const letters = (characters: string): Expression => oneOf(charactersOf(characters));

/** One UTF-16 unit is no character: `\u` stands for a scalar value, or two of them for one. */
const UNICODE_ESCAPE = choice([
  sequence(text('\\u'), letters('0123456789abcABCefEF'), HEX, HEX, HEX),
  sequence(text('\\u'), letters('dD'), letters('01234567'), HEX, HEX),
  sequence(
    text('\\u'),
    letters('dD'),
    letters('89abAB'),
    HEX,
    HEX,
    text('\\u'),
    letters('dD'),
    letters('cdefCDEF'),
    HEX,
    HEX,
  ),
]);

export const INTEGER_DIGITS_MAX = 15;
const DIGIT = oneOf(codePoints([0x30, 0x39]));
export const WHOLE = choice([
  text('0'),
  sequence(oneOf(codePoints([0x31, 0x39])), repeat(DIGIT, 0, INTEGER_DIGITS_MAX - 1)),
]);
/** Short enough that no reader takes it for infinity. */
export const NUMBER = sequence(
  optional(text('-')),
  WHOLE,
  optional(sequence(text('.'), repeat(DIGIT, 1, INTEGER_DIGITS_MAX))),
  optional(sequence(letters('eE'), optional(letters('+-')), repeat(DIGIT, 1, 2))),
);
/** Without -0, which some readers do not take for an integer. */
export const INTEGER = choice([
  text('0'),
  sequence(
    optional(text('-')),
    oneOf(codePoints([0x31, 0x39])),
    repeat(DIGIT, 0, INTEGER_DIGITS_MAX - 1),
  ),
]);

/** A character of a set as JSON strings spell it; control characters only if they have a short escape. */
export function jsonCharacter(set: CodePoints): Expression {
  const plain = subtract(set, subtract(ALL_CODE_POINTS, PLAIN));
  const escaped = ESCAPES.filter(([character]) => contains(set, character.charCodeAt(0)));
  const ways = escaped.map(([, spelling]) => text(spelling));
  if (plain.length > 0) ways.push(oneOf(plain));
  return ways.length === 0 ? NEVER : choice(ways);
}

/** A value as compact JSON. */
export const jsonText = (value: unknown): Expression => text(JSON.stringify(value));

/** The rules of JSON that a grammar uses, each defined when it is first asked for. */
export class JsonRules {
  readonly #rules: RuleSet;
  readonly #defined = new Map<string, Expression>();

  constructor(rules: RuleSet) {
    this.#rules = rules;
  }

  /** Nothing, one blank, or a new line and its indentation: never white space without end. */
  get space(): Expression {
    return this.#rule('space', () =>
      choice([text(''), text(' '), sequence(text('\n'), repeat(letters(' \t'), 0, INDENT_MAX))]),
    );
  }

  /** One character of a string in any spelling. */
  get character(): Expression {
    return this.#rule('character', () =>
      choice([oneOf(PLAIN), sequence(text('\\'), letters('"\\/bfnrt')), UNICODE_ESCAPE]),
    );
  }

  get string(): Expression {
    return this.#rule('string', () => this.quoted(repeat(this.character, 0, null)));
  }

  get value(): Expression {
    return this.#rule('value', () =>
      choice([
        this.object,
        this.array,
        this.string,
        NUMBER,
        text('true'),
        text('false'),
        text('null'),
      ]),
    );
  }

  get object(): Expression {
    return this.#rule('object', () => {
      const pair = this.pair(this.string, this.value);
      return this.braced('{', this.list(pair), '}');
    });
  }

  get array(): Expression {
    return this.#rule('array', () => this.braced('[', this.list(this.value), ']'));
  }

  quoted(inside: Expression): Expression {
    return sequence(text('"'), inside, text('"'));
  }

  pair(key: Expression, value: Expression): Expression {
    return sequence(key, this.space, text(':'), this.space, value);
  }

  get comma(): Expression {
    return sequence(this.space, text(','), this.space);
  }

  /** Any number of items, with the white space before and after. */
  list(item: Expression): Expression {
    const more = repeat(sequence(this.comma, item), 0, null);
    return choice([this.space, sequence(this.space, item, more, this.space)]);
  }

  braced(open: string, inside: Expression, close: string): Expression {
    return sequence(text(open), inside, text(close));
  }

  /** The name is known before the rule is made, so that it may contain itself. */
  #rule(name: string, make: () => Expression): Expression {
    const known = this.#defined.get(name);
    if (known !== undefined) return known;
    const reserved = this.#rules.reserve(name);
    const reference = rule(reserved);
    this.#defined.set(name, reference);
    this.#rules.rules.set(reserved, make());
    return reference;
  }
}
