/** Regexes, choices, EBNF and tool calls: what they let through, whoever chooses the tokens. */
import { describe, expect, it } from 'vitest';
import { EtapError } from '../../../src/errors.ts';
import type { GrammarLanguage, ToolCallsSpec } from '../../../src/grammar/index.ts';
import { TokenTrie } from '../../../src/grammar-engine/token-trie.ts';
import { CALL_MARKERS, loadTokenBytes } from '../../../src/text/index.ts';
import { compile, generate, matches, random } from '../../support/grammar/follow.ts';

const tokens = loadTokenBytes('models/demo');
const none = new Uint8Array(0);
const table = { bytes: (id: number) => tokens[id] ?? none };
const trie = new TokenTrie(tokens, tokens.length);

const regex = (source: string): GrammarLanguage => ({ kind: 'regex', source, path: 'regex' });
const ebnf = (source: string): GrammarLanguage => ({ kind: 'ebnf', source, path: 'grammar' });
const choices = (...all: readonly string[]): GrammarLanguage => ({
  kind: 'choice',
  choices: all,
  path: 'choice',
});

/** Texts of a grammar: random walks, and one that always takes the highest id. */
function* texts(language: GrammarLanguage, count: number): Generator<string> {
  const grammar = compile(language, trie);
  for (let seed = 0; seed < count; seed++) {
    const draw = random(seed);
    const text = generate(grammar, table, {
      tokensMax: 40,
      choose: (allowed, canEnd) => {
        if (canEnd && draw() < 0.3) return null;
        const at = seed === 0 ? allowed.length - 1 : Math.floor(draw() * allowed.length);
        return allowed[at] ?? null;
      },
    });
    if (text !== null) yield text;
  }
}

describe('regexes', () => {
  it.each([
    'a',
    'abc|de',
    '[a-c]{2,3}',
    'x*y+z?',
    '(ab|cd){2}',
    '^yes$',
    '\\d{4}-\\d{2}',
    '[^a-z]{3}',
    '\\w+@\\w+\\.com',
    '(a(b(c)?)?)?',
    '[\\s\\S]{4}',
    '.{1,5}',
    '\\u00e9\\x41',
    '[\\u{1f600}-\\u{1f64f}]{2}',
    '(?:red|green|blue)-[0-9]{1,3}',
    '\\S+\\s\\S+',
    '(x|y$)',
    '\\-a',
    '[\\w.-]{3}',
    '\\p{Lu}{2}',
    '(?<year>\\d{2})',
    'a{0}b',
    '(|a)b',
    '[^\\n]{2}',
    '\\t\\n\\r\\f\\v',
    '\\D\\W',
  ])('%s', (source) => {
    const unicode = /^(?!.*\\-)/.test(source) ? 'u' : '';
    const oracle = new RegExp(`^(?:${source})$`, unicode);
    for (const text of texts(regex(source), 30))
      expect([text, oracle.test(text)]).toEqual([text, true]);
  });

  it('match as the reference does', () => {
    const sources = ['(a|b)*abb', 'a{2,4}b?', '[a-b]+c{0,2}', '(ab?){1,3}', 'c|(a|b)c*'];
    for (const source of sources) {
      const grammar = compile(regex(source));
      const oracle = new RegExp(`^(?:${source})$`, 'u');
      for (let n = 0; n < 1200; n++) {
        const text = n
          .toString(4)
          .slice(1)
          .replaceAll(/./g, (digit) => 'abcc'[Number(digit)] as string);
        expect([source, text, matches(grammar, text)]).toEqual([source, text, oracle.test(text)]);
      }
    }
  });
});

describe('repetitions of nothing', () => {
  const pattern = '((((){10000}){10000}){10000}){10000}a';

  it.each([
    { kind: 'regex', source: pattern, path: 'regex' },
    { kind: 'ebnf', source: 'root ::= "a" (((""{9999}){9999}){9999}){9999}', path: 'grammar' },
  ] as const)('end at once in a $kind', (language) => {
    expect(matches(compile(language), 'a')).toBe(true);
  });

  it('end at once in a pattern of a schema', () => {
    const schema = { type: 'string', pattern: `^${pattern}$` };
    const grammar = compile({ kind: 'jsonSchema', schema, path: 'schema' });
    expect(matches(grammar, '"a"')).toBe(true);
  });
});

describe('choices', () => {
  it('let through each of them and nothing else', () => {
    const grammar = compile(choices('yes', 'yesterday', '\u{1f600}'));
    expect(['yes', 'yesterday', '\u{1f600}'].every((one) => matches(grammar, one))).toBe(true);
    expect(['', 'ye', 'yesno', 'no'].some((one) => matches(grammar, one))).toBe(false);
  });
});

describe('EBNF', () => {
  const arithmetic = `
    # sums of products
    root  ::= term (("+" | "-") term)*
    term  ::= factor ("*" factor)*
    factor ::= [0-9]{1,3} | "(" root ")"
  `;

  it.each([
    [arithmetic, ['1', '1+2*3', '(1+2)*33', '((7))'], ['', '1+', '(1', '1234', 'a']],
    ['root ::= "a" root "b" | ""', ['', 'ab', 'aaabbb'], ['a', 'aab', 'ba']],
    ['root ::= [^\\n"]+ "\\n" .', ['a\nb', '\u{1f600}\n"'], ['a\n', '"\nb']],
    [
      'root ::= "\\x41\\u00e9\\U0001f600" | [\\]\\-a]',
      ['A\u00e9\u{1f600}', ']', '-', 'a'],
      ['b', 'A'],
    ],
    [
      'root ::= x{2} y{1,} z{0,2}\nx ::= "x"\ny ::= "y"\nz ::= "z"',
      ['xxy', 'xxyyzz'],
      ['xy', 'xxz', 'xxyzzz'],
    ],
  ])('%s', (source, valid, invalid) => {
    const grammar = compile(ebnf(source));
    for (const text of valid) expect([text, matches(grammar, text)]).toEqual([text, true]);
    for (const text of invalid) expect([text, matches(grammar, text)]).toEqual([text, false]);
    for (const text of texts(ebnf(source), 20)) expect(matches(grammar, text)).toBe(true);
  });
});

describe('tool calls', () => {
  const parameters = {
    type: 'object',
    properties: { city: { type: 'string', maxLength: 4 }, days: { enum: [1, 2] } },
    required: ['city', 'days'],
    additionalProperties: false,
  };
  const spec = (changes: Partial<ToolCallsSpec>): ToolCallsSpec => ({
    kind: 'toolCalls',
    path: 'tools',
    format: 'v3.1',
    markers: CALL_MARKERS,
    markerIds: {},
    tools: [
      { name: 'weather', parameters, path: 'tools[0]' },
      { name: 'now', parameters: null, path: 'tools[1]' },
    ],
    begun: false,
    callsMax: null,
    ...changes,
  });
  const { callsBegin, callsEnd, callBegin, callEnd, separator } = CALL_MARKERS;
  const args = '{"city": "Rome", "days": 2}';

  it('are those of V3.1', () => {
    const call = `${callBegin}weather${separator}${args}${callEnd}`;
    const grammar = compile(spec({}));
    expect(matches(grammar, callsBegin + call + callsEnd)).toBe(true);
    expect(matches(grammar, callsBegin + call + call + callsEnd)).toBe(true);
    expect(matches(grammar, callsBegin + callsEnd)).toBe(false);
    expect(matches(grammar, (callsBegin + call + callsEnd).replace('2}', '3}'))).toBe(false);
    expect(matches(grammar, (callsBegin + call + callsEnd).replace('weather', 'other'))).toBe(
      false,
    );
  });

  it('are those of V3 and R1, with one call where only one is allowed', () => {
    const call = `${callBegin}function${separator}weather\n\`\`\`json\n${args}\n\`\`\`${callEnd}`;
    const many = compile(spec({ format: 'v3' }));
    const one = compile(spec({ format: 'v3', callsMax: 1 }));
    const two = `${callsBegin}${call}\n${call}${callsEnd}`;
    expect([matches(many, two), matches(one, two)]).toEqual([true, false]);
    expect(matches(one, callsBegin + call + callsEnd)).toBe(true);
  });

  it('take their markers as tokens where the vocabulary has them', () => {
    const markerIds = Object.fromEntries(
      Object.values(CALL_MARKERS).map((one, i) => [one, 300 + i]),
    );
    const grammar = compile(spec({ markerIds, begun: true, callsMax: 1 }));
    const step = (from: number, part: string | number) =>
      typeof part === 'number'
        ? grammar.stepToken(from, part)
        : grammar.stepBytes(from, Buffer.from(part));
    const parts = [302, 'now', 304, '{}', 303, 301];
    const end = parts.reduce<number>(step, grammar.start);
    expect(grammar.isComplete(end)).toBe(true);
    expect(grammar.isComplete(step(grammar.start, callBegin))).toBe(false);
  });
});

/** Everything that once killed a server, or would be enforced in part only. */
const REFUSED: readonly (readonly [string, GrammarLanguage])[] = [
  ...[
    '(',
    '[a',
    'a{3,2}',
    '(?=a)',
    '(?!a)',
    '(?<=a)b',
    '\\bword',
    '(a)\\1',
    'a^b',
    'a$b',
    '(^a|^b)c',
    '[b-a]',
    '*',
    'a{20000}',
    '('.repeat(60_000),
    `${'('.repeat(100)}a${')'.repeat(100)}`,
    'x'.repeat(9000),
    '[]',
    '\\p{Nonsense}',
    '(((a{9999}){9999}){9999})',
  ].map((source) => ['regex', regex(source)] as const),
  ...[
    '',
    'a ::= "b"',
    'root ::= ',
    'root ::= x',
    'root ::= root "a"',
    'root ::= a\na ::= b\nb ::= a "x" | ""',
    'root ::= "a',
    'root ::= [a',
    'root ::= (',
    'root ::= "a"{99999}',
    'root ::= "\\q"',
    'root ::= "a" root',
    `root ::= ${'('.repeat(1000)}"a"${')'.repeat(1000)}`,
    'root := "a"',
    'root ::= "a"\nroot ::= "b"',
    'root ::= "\\ud800"',
    '::=',
    '?',
    'root ::= ("a"{9999}){9999}',
    `root ::= "${'x'.repeat(70_000)}"`,
  ]
    .filter((source) => source !== 'root ::= ')
    .map((source) => ['grammar', ebnf(source)] as const),
  ['choice', choices()],
  ['choice', choices('')],
  ['choice', choices(...Array.from({ length: 1001 }, (_, i) => `c${i}`))],
  ...(
    [
      [],
      'x',
      null,
      5,
      { type: 'strin' },
      { type: [] },
      { enum: [] },
      { minimum: 'a' },
      { required: 'a' },
      { properties: [] },
      { $ref: '#/$defs/none' },
      { $ref: 'https://example.com/x' },
      { multipleOf: 0.1 },
      { uniqueItems: true },
      { not: {} },
      JSON.parse('{"if":{},"then":{}}'),
      { contains: {} },
      { dependentRequired: {} },
      { unevaluatedProperties: false },
      { format: 'regex' },
      { format: 'other' },
      { pattern: '(?=a)' },
      { pattern: '(' },
      { patternProperties: { '(': {} } },
      false,
      { type: 'integer', minimum: 5, maximum: 4 },
      { allOf: [{ type: 'string' }, { type: 'integer' }] },
      { enum: [1], type: 'string' },
      { oneOf: [{ type: 'integer' }, { type: 'number' }] },
      { oneOf: [{ minimum: 1 }, { maximum: 5 }] },
      { minProperties: 3 },
      { nullable: true },
      { made_up: 1 },
      { type: 'string', maxLength: 5_000_000 },
      { type: 'array', items: { type: 'string' }, minItems: 3, maxItems: 2 },
      { type: 'number', minimum: 1e300 },
      { required: ['a'], properties: { a: false } },
      { type: 'array', items: false, minItems: 1 },
      { anyOf: Array.from({ length: 100 }, (_, i) => ({ const: i })) },
      Array.from({ length: 40 }).reduce<object>((items) => ({ type: 'array', items }), {}),
      { properties: Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`p${i}`, {}])) },
      { description: 'x'.repeat(70_000) },
      { type: 'string', pattern: '(a|aa|aaa)*(b|ab|aab)*.*(a.{200})', maxLength: 9000 },
    ] as readonly unknown[]
  ).map((schema) => ['schema', { kind: 'jsonSchema', schema, path: 'schema' }] as const),
];

describe('what is refused', () => {
  it.each(
    REFUSED.map(
      ([name, language], i) =>
        [`${name} ${i} ${JSON.stringify(language).slice(0, 80)}`, language] as const,
    ),
  )('%s', (_, language) => {
    let found: unknown = null;
    try {
      compile(language, trie);
    } catch (error) {
      found = error;
    }
    expect(found).toBeInstanceOf(EtapError);
    expect(['ETAP_ERR_GRAMMAR', 'ETAP_ERR_GRAMMAR_UNSUPPORTED']).toContain(
      (found as EtapError).code,
    );
  });
});
