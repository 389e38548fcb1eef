import { expect, it } from 'vitest';
import { parseTraceParent } from '../../../src/tracing/index.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

it('reads a header of this and of later versions', () => {
  const parent = { traceId: TRACE, spanId: SPAN, flags: 1 };
  expect(parseTraceParent(`00-${TRACE}-${SPAN}-01`)).toEqual(parent);
  expect(parseTraceParent(`01-${TRACE}-${SPAN}-01-more`)).toEqual(parent);
});

it.each([
  undefined,
  '',
  'nonsense',
  `00-${TRACE}-${SPAN}`,
  `ff-${TRACE}-${SPAN}-01`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${'0'.repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
])('ignores %s', (header) => {
  expect(parseTraceParent(header)).toBeNull();
});
