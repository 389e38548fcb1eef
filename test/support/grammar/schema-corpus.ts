/** Schemas with documents that they accept and refuse, in the order in which properties are declared. */

export type SchemaCase = {
  readonly schema: unknown;
  readonly valid: readonly unknown[];
  readonly invalid: readonly unknown[];
};

const object = (properties: object, required: readonly string[] = Object.keys(properties)) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});

const of = (
  schema: unknown,
  valid: readonly unknown[],
  invalid: readonly unknown[],
): SchemaCase => ({ schema, valid, invalid });

/** Bounds of numbers, each with numbers inside, on the border and outside. */
const numberCases: readonly SchemaCase[] = [
  of({ type: 'number' }, [0, -1.5, 1000, 0.0015], ['1', null]),
  of({ type: 'number', minimum: 0 }, [0, 0.5, 0.25, 1.5, 10], [-0.5, -1]),
  of({ type: 'number', minimum: 1 }, [1, 1.25, 1000], [0.99, 0, -3]),
  of({ type: 'number', maximum: 1 }, [1, 0.5, -0.5, -100], [1.5, 1.01]),
  of({ type: 'number', minimum: 0, maximum: 1 }, [0, 0.5, 1], [1.5, -0.1, 1.0001]),
  of({ type: 'number', minimum: 0, maximum: 100 }, [0, 99.9, 100], [100.5, -1]),
  of({ type: 'number', minimum: -1, maximum: 1 }, [-1, -0.5, 0, 1], [1.5, -1.5]),
  of({ type: 'number', minimum: -5, maximum: 5 }, [-5, 0, 5], [5.1, -5.1]),
  of({ type: 'number', exclusiveMinimum: 0 }, [0.5, 1], [0, -1]),
  of({ type: 'number', exclusiveMaximum: 5 }, [4.9, -1], [5, 5.1]),
  of({ type: 'number', minimum: 0.5 }, [0.5, 0.75, 2], [0.4, 0]),
  of({ type: 'number', minimum: 0.1, maximum: 0.9 }, [0.1, 0.5, 0.9], [0.09, 0.91, 1]),
  of({ type: 'number', maximum: -2.5 }, [-2.5, -3], [-2.4, 0]),
  of({ type: 'number', exclusiveMinimum: -0.25, exclusiveMaximum: 0.25 }, [0, 0.2], [0.25, -0.25]),
  of({ type: 'number', minimum: 1e-7 }, [0.001, 1], [0]),
  of({ type: 'number', minimum: 1e6, maximum: 2e6 }, [1000000, 1500000.5], [999999, 2000001]),
  of({ type: 'number', minimum: 0.30000000000000004 }, [0.4], [0.3, 0.2]),
  of({ type: 'integer' }, [0, -7, 123456], [1.5, '1']),
  of({ type: 'integer', minimum: -5, maximum: 5 }, [-5, 0, 5], [-6, 6]),
  of({ type: 'integer', minimum: 5, maximum: 12 }, [5, 9, 12], [4, 13]),
  of({ type: 'integer', maximum: 10 }, [10, -1000], [11]),
  of({ type: 'integer', exclusiveMinimum: 0, exclusiveMaximum: 3 }, [1, 2], [0, 3]),
  of({ type: 'integer', minimum: 0.5, maximum: 3.5 }, [1, 3], [0, 4]),
  of({ type: 'integer', minimum: 1e15, maximum: 9007199254740991 }, [1e15, 9007199254740991], [1]),
  of({ type: 'integer', multipleOf: 7, minimum: 10 }, [14, 21, 7000], [7, 15]),
  of({ type: 'integer', multipleOf: 5, minimum: -20, maximum: 20 }, [-20, 0, 15], [3, 25]),
  of({ type: 'number', multipleOf: 10 }, [0, 30, -40], [5, 1.5]),
  of({ type: 'integer', format: 'int32' }, [2147483647, -2147483648], [2147483648]),
  of({ minimum: 3 }, [3, 4.5], [2]),
];

const stringCases: readonly SchemaCase[] = [
  of({ type: 'string' }, ['', 'a"b\\c\n', '\u00e4\u{1f600}'], [1, null]),
  of({ type: 'string', minLength: 2 }, ['ab', '\u{1f600}\u{1f600}'], ['a', '\u{1f600}']),
  of({ type: 'string', maxLength: 3 }, ['', 'abc', '\u20ac\u20ac\u20ac'], ['abcd']),
  of({ type: 'string', minLength: 2, maxLength: 5 }, ['ab', 'abcde'], ['a', 'abcdef']),
  of({ type: 'string', pattern: 'a' }, ['xax', 'a'], ['xx', '']),
  of({ type: 'string', pattern: '^a' }, ['a', 'ab'], ['ba']),
  of({ type: 'string', pattern: 'z$' }, ['z', 'az'], ['za']),
  of({ type: 'string', pattern: '^[a-z]+$', maxLength: 4 }, ['ab', 'abcd'], ['abcde', 'A']),
  of({ type: 'string', pattern: '^(a|b)+c?$', minLength: 2 }, ['ab', 'ac'], ['a', 'cc']),
  of({ type: 'string', pattern: '^\\d{3}-\\d{4}$' }, ['555-1234'], ['5555-123', 'x']),
  of({ type: 'string', pattern: '^[^"]*$' }, ['abc', ''], ['a"b']),
  of({ type: 'string', pattern: '^"\\\\$' }, ['"\\'], ['"']),
  of({ type: 'string', pattern: '^\\w+\\s\\w+$' }, ['ab cd'], ['abcd']),
  of({ type: 'string', pattern: '^\\p{Lu}' }, ['\u00c4b', 'A'], ['a']),
  of(
    { type: 'string', format: 'date' },
    ['2024-02-29', '2023-12-31'],
    ['2023-02-29', '2023-13-01'],
  ),
  of({ type: 'string', format: 'date-time' }, ['2024-05-06T07:08:09Z'], ['2024-05-06', 'x']),
  of({ type: 'string', format: 'time' }, ['07:08:09Z', '07:08:09.5+02:00'], ['25:00:00Z']),
  of({ type: 'string', format: 'duration' }, ['P1Y2M3D', 'PT5H', 'P2W'], ['P', '1Y']),
  of({ type: 'string', format: 'email' }, ['a.b@example.com'], ['a@', 'x']),
  of({ type: 'string', format: 'hostname' }, ['example.com', 'a-b.c'], ['-a', 'a..b']),
  of({ type: 'string', format: 'ipv4' }, ['0.0.0.0', '255.1.20.199'], ['256.1.1.1', '1.2.3']),
  of(
    { type: 'string', format: 'ipv6' },
    ['::1', '2001:db8::ff', '1:2:3:4:5:6:7:8'],
    ['1:2', ':::'],
  ),
  of({ type: 'string', format: 'uri' }, ['https://example.com/a?b=c#d'], ['example']),
  of({ type: 'string', format: 'uuid' }, ['123e4567-e89b-12d3-a456-426614174000'], ['123e4567']),
  of({ type: 'string', format: 'date', pattern: '^2024' }, ['2024-01-02'], ['2023-01-02']),
  of({ minLength: 3 }, ['abc'], ['ab']),
];

const constantCases: readonly SchemaCase[] = [
  of({ const: 'x' }, ['x'], ['y', 1]),
  of({ const: { a: [1, null] } }, [{ a: [1, null] }], [{ a: [1] }, {}]),
  of({ enum: ['a', 1, null, true] }, ['a', 1, null, true], ['b', 2, false]),
  of({ type: 'string', enum: ['red', 'green'] }, ['red'], ['blue', 1]),
  of({ type: 'integer', enum: [1, 2.5, 3] }, [1, 3], [2.5, 2]),
  of({ enum: ['ab', 'abc', 'b'], minLength: 2 }, ['ab', 'abc'], ['b']),
  of({ enum: ['ab', 'cd'], pattern: '^c' }, ['cd'], ['ab']),
  of({ enum: [1, 5, 9], minimum: 4, maximum: 8 }, [5], [1, 9]),
  of({ enum: ['\u00e4"\\', ''] }, ['\u00e4"\\', ''], ['x']),
  of({ type: 'boolean' }, [true, false], [0, 'true']),
  of({ type: 'null' }, [null], [0, '']),
  of({ type: ['string', 'null'] }, ['a', null], [1]),
  of({ type: ['integer', 'boolean'] }, [1, true], [1.5, 'a']),
  of(true, [1, 'x', [1], { a: 1 }, null], []),
  of({}, [1, 'x', [[]], {}], []),
  of({ title: 'T', description: 'D', default: 1, examples: [1] }, [1, 'a'], []),
];

const arrayCases: readonly SchemaCase[] = [
  of({ type: 'array' }, [[], [1, 'a', [null]]], [{}, 1]),
  of({ type: 'array', items: { type: 'integer' } }, [[], [1, 2]], [['a'], [1.5]]),
  of({ type: 'array', items: { type: 'integer' }, minItems: 1 }, [[1], [1, 2]], [[]]),
  of({ type: 'array', items: { type: 'integer' }, maxItems: 2 }, [[], [1, 2]], [[1, 2, 3]]),
  of(
    { type: 'array', items: { type: 'boolean' }, minItems: 2, maxItems: 3 },
    [[true, false]],
    [[true]],
  ),
  of({ type: 'array', maxItems: 0 }, [[]], [[1]]),
  of({ type: 'array', items: false }, [[]], [[1]]),
  of(
    { type: 'array', prefixItems: [{ type: 'string' }, { type: 'integer' }], items: false },
    [[], ['a'], ['a', 1]],
    [['a', 1, 2], [1]],
  ),
  of(
    { type: 'array', prefixItems: [{ const: 1 }], items: { const: 2 }, minItems: 1 },
    [[1], [1, 2, 2]],
    [[], [2], [1, 1]],
  ),
  of({ prefixItems: [{ type: 'null' }], minItems: 1 }, [[null], [null, 5]], [[1]]),
  of({ type: 'array', items: { type: 'array', items: { type: 'null' } } }, [[[null], []]], [[1]]),
  of({ type: 'array', items: { enum: ['a', 'b'] }, uniqueItems: false }, [['a', 'a']], [['c']]),
  of(
    { items: { type: 'number', minimum: 0, maximum: 1 }, minItems: 3, maxItems: 3 },
    [[0, 0.5, 1]],
    [[0, 1]],
  ),
];

const objectCases: readonly SchemaCase[] = [
  of({ type: 'object' }, [{}, { a: { b: 1 } }], [[], 1]),
  of(object({}), [{}], [{ a: 1 }]),
  of(object({ a: { type: 'integer' } }), [{ a: 1 }], [{}, { a: 'x' }, { a: 1, b: 2 }]),
  of(object({ a: { type: 'integer' } }, []), [{}, { a: 1 }], [{ a: null }]),
  of(
    object({ name: { type: 'string' }, age: { type: 'integer', minimum: 0 } }),
    [{ name: 'x', age: 3 }],
    [{ name: 'x' }, { name: 'x', age: -1 }],
  ),
  of(
    object({ a: { type: 'null' }, b: { type: 'null' }, c: { type: 'null' } }, ['b']),
    [{ b: null }, { a: null, b: null }, { b: null, c: null }],
    [{ a: null, c: null }, {}],
  ),
  of({ properties: { a: { type: 'integer' } } }, [{}, { a: 1 }], [{ a: 'x' }]),
  of(
    {
      type: 'object',
      properties: { a: { type: 'integer' } },
      additionalProperties: { type: 'string' },
    },
    [{}, { a: 1, b: 'x' }, { b: 'x', ab: 'y' }],
    [{ a: 'x' }, { b: 1 }],
  ),
  of(
    { type: 'object', additionalProperties: { type: 'integer' } },
    [{}, { x: 1, y: 2 }],
    [{ x: 'a' }],
  ),
  of({ type: 'object', additionalProperties: false }, [{}], [{ a: 1 }]),
  of(
    {
      type: 'object',
      patternProperties: { '^x-': { type: 'integer' } },
      additionalProperties: false,
    },
    [{}, { 'x-a': 1 }],
    [{ y: 1 }, { 'x-a': 'b' }],
  ),
  of(
    {
      type: 'object',
      properties: { id: { type: 'integer' } },
      patternProperties: { _at$: { type: 'string' } },
      required: ['id'],
      additionalProperties: false,
    },
    [{ id: 1 }, { id: 1, made_at: 'x' }],
    [{ made_at: 'x' }, { id: 1, made_at: 2 }],
  ),
  of(
    {
      type: 'object',
      propertyNames: { pattern: '^[a-z]+$' },
      additionalProperties: { type: 'null' },
    },
    [{}, { ab: null }],
    [{ AB: null }, { ab: 1 }],
  ),
  of({ type: 'object', propertyNames: { maxLength: 2 } }, [{ ab: 1 }], [{ abc: 1 }]),
  of({ type: 'object', maxProperties: 2 }, [{}, { a: 1, b: 2 }], [{ a: 1, b: 2, c: 3 }]),
  of(
    { ...object({ a: {}, b: {}, c: {} }, []), minProperties: 2 },
    [
      { a: 1, b: 2 },
      { a: 1, c: 3 },
      { b: 2, c: 3 },
    ],
    [{ a: 1 }, {}],
  ),
  of(
    { ...object({ a: {}, b: {}, c: {} }, []), minProperties: 1, maxProperties: 1 },
    [{ a: 1 }, { c: 3 }],
    [{}, { a: 1, b: 2 }],
  ),
  of(
    { type: 'object', required: ['a'], additionalProperties: { type: 'integer' } },
    [{ a: 1 }],
    [{}],
  ),
  of(object({ 'a"b\\': { type: 'null' } }), [{ 'a"b\\': null }], [{}]),
  of(
    object({ a: object({ b: object({ c: { const: 1 } }) }) }),
    [{ a: { b: { c: 1 } } }],
    [{ a: {} }],
  ),
  of(object({ a: false, b: { type: 'null' } }, ['b']), [{ b: null }], [{ a: 1, b: null }]),
];

const node = object({
  value: { type: 'integer' },
  next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] },
});

const combinedCases: readonly SchemaCase[] = [
  of({ anyOf: [{ type: 'string' }, { type: 'null' }] }, ['x', null], [1]),
  of({ anyOf: [{ type: 'integer', minimum: 5 }, { const: 'few' }] }, [5, 'few'], [4, 'many']),
  of({ oneOf: [{ type: 'string' }, { type: 'integer' }] }, ['a', 1], [null, 1.5]),
  of({ oneOf: [{ const: 'a' }, { const: 'b' }] }, ['a', 'b'], ['c']),
  of(
    {
      oneOf: [
        object({ kind: { const: 'circle' }, r: { type: 'number' } }),
        object({ kind: { const: 'box' }, w: { type: 'number' } }),
      ],
    },
    [
      { kind: 'circle', r: 1 },
      { kind: 'box', w: 2 },
    ],
    [{ kind: 'circle', w: 1 }, { kind: 'x' }],
  ),
  of({ allOf: [{ type: 'integer', minimum: 2 }, { maximum: 4 }] }, [2, 4], [1, 5]),
  of(
    { allOf: [{ type: 'string', minLength: 2 }, { pattern: '^a' }, { maxLength: 3 }] },
    ['ab', 'abc'],
    ['a', 'bc', 'abcd'],
  ),
  of(
    {
      allOf: [
        { type: 'object', properties: { a: { minimum: 2 } }, required: ['a'] },
        {
          type: 'object',
          properties: { a: { type: 'integer', maximum: 4 }, b: { type: 'boolean' } },
        },
      ],
    },
    [{ a: 3 }, { a: 2, b: true }],
    [{ a: 5 }, { a: 1 }, { b: true }],
  ),
  of(
    {
      ...object({ a: { type: 'integer' }, b: { type: 'integer' } }, []),
      anyOf: [{ required: ['a'] }, { required: ['b'] }],
    },
    [{ a: 1 }, { b: 1 }, { a: 1, b: 2 }],
    [{}],
  ),
  of({ $ref: '#/$defs/id', $defs: { id: { type: 'integer', minimum: 1 } } }, [1, 2], [0]),
  of(
    { $ref: '#/$defs/node', $defs: { node } },
    [{ value: 1, next: { value: 2, next: null } }],
    [{ value: 1 }],
  ),
  of(
    {
      $ref: '#/definitions/tree',
      definitions: { tree: { type: 'array', items: { $ref: '#/definitions/tree' } } },
    },
    [[], [[], [[]]]],
    [[1]],
  ),
  of(object({ child: { $ref: '#' } }, []), [{}, { child: { child: {} } }], [{ child: 1 }]),
  of({ $ref: '#/$defs/a~1b', $defs: { 'a/b': { const: 1 } } }, [1], [2]),
  of({ $ref: '#/$defs/id', maximum: 5, $defs: { id: { type: 'integer' } } }, [5, -1], [6]),
  of({ anyOf: [{ anyOf: [{ const: 1 }, { const: 2 }] }, { const: 3 }] }, [1, 2, 3], [4]),
  of({ type: 'integer', anyOf: [{ maximum: -10 }, { minimum: 10 }] }, [-10, 10], [0]),
  of({ anyOf: [false, { type: 'null' }] }, [null], [1]),
];

/** What clients generate from their types. */
const typicalCases: readonly SchemaCase[] = [
  of(
    object({
      steps: {
        type: 'array',
        items: object({ explanation: { type: 'string' }, output: { type: 'string' } }),
      },
      final_answer: { type: 'string' },
    }),
    [{ steps: [{ explanation: 'a', output: 'b' }], final_answer: 'c' }],
    [{ steps: [{}], final_answer: 'c' }],
  ),
  of(
    object({
      city: { type: 'string', maxLength: 20 },
      unit: { enum: ['celsius', 'fahrenheit'] },
      days: {
        anyOf: [{ type: 'integer', minimum: 1, maximum: 7 }, { type: 'null' }],
        default: null,
      },
    }),
    [{ city: 'Rome', unit: 'celsius', days: null }],
    [{ city: 'Rome', unit: 'kelvin', days: 1 }],
  ),
  of(
    {
      $defs: { Role: { enum: ['admin', 'user'], title: 'Role', type: 'string' } },
      title: 'User',
      ...object({ id: { format: 'uuid', type: 'string' }, role: { $ref: '#/$defs/Role' } }),
    },
    [{ id: '123e4567-e89b-12d3-a456-426614174000', role: 'admin' }],
    [{ id: 'x', role: 'admin' }],
  ),
];

/** The same in every place where a schema can stand. */
const nestings: readonly ((one: SchemaCase) => SchemaCase)[] = [
  ({ schema, valid, invalid }) =>
    of(
      object({ inner: schema }),
      valid.map((inner) => ({ inner })),
      invalid.map((inner) => ({ inner })),
    ),
  ({ schema, valid, invalid }) =>
    of(
      { type: 'array', items: schema, minItems: 1, maxItems: 3 },
      [valid.slice(0, 3)],
      invalid.map((one) => [one]),
    ),
  ({ schema, valid, invalid }) => of({ allOf: [schema, {}] }, valid, invalid),
];

const plain = [...numberCases, ...stringCases, ...constantCases, ...arrayCases, ...objectCases];

/** Pointers of references are those of the whole document, so only plain schemas are put into others. */
export const SCHEMA_CORPUS: readonly SchemaCase[] = [
  ...plain,
  ...combinedCases,
  ...typicalCases,
  ...plain
    .filter((one) => one.schema !== true)
    .map((one, i) => (nestings[i % 3] as (typeof nestings)[0])(one)),
];
