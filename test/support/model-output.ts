/** What models write, as text and as tokens: thinking, prose and tool calls with their markers. */
import fc from 'fast-check';
import type { FakeTextModel } from './fake-text-model.ts';

export const CALLS_BEGIN = '<｜tool▁calls▁begin｜>';
export const CALLS_END = '<｜tool▁calls▁end｜>';
export const CALL_BEGIN = '<｜tool▁call▁begin｜>';
export const CALL_END = '<｜tool▁call▁end｜>';
export const CALL_SEPARATOR = '<｜tool▁sep｜>';

/** A call as DeepSeek-V3 and R1 write it. */
export const fencedCall = (name: string, args: string): string =>
  `${CALL_BEGIN}function${CALL_SEPARATOR}${name}\n\`\`\`json\n${args}\n\`\`\`${CALL_END}`;

/** A call as DeepSeek-V3.1 writes it. */
export const plainCall = (name: string, args: string): string =>
  `${CALL_BEGIN}${name}${CALL_SEPARATOR}${args}${CALL_END}`;

export const toolCalls = (...calls: readonly string[]): string =>
  CALLS_BEGIN + calls.join('\n') + CALLS_END;

const word = fc.constantFrom('a', ' ', '\n', '`', '{"k": "v"}', '<', '｜', 'think>', '✓', '😀');
const prose = fc.array(word, { maxLength: 6 }).map((words) => words.join(''));
const call = fc
  .tuple(
    fc.constantFrom(fencedCall, plainCall),
    fc.stringMatching(/^[a-z_]{1,8}$/),
    fc.json({ maxDepth: 2 }),
  )
  .map(([form, name, json]) => form(name, json));
const strayMarker = fc.constantFrom(
  '<think>',
  '</think>',
  CALLS_END,
  CALL_BEGIN,
  CALL_SEPARATOR,
  CALL_END,
);

/** Outputs with every part in any order, also with markers missing and doubled. */
export const modelOutput: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      prose,
      prose.map((text) => `<think>${text}</think>`),
      fc.array(call, { minLength: 1, maxLength: 3 }).map((calls) => toolCalls(...calls)),
      strayMarker,
    ),
    { maxLength: 5 },
  )
  .map((parts) => parts.join(''));

/** The text as tokens that end at any byte. */
export function cutIntoTokens(
  model: FakeTextModel,
  text: string,
  cuts: readonly number[],
): number[] {
  const bytes = Buffer.from(text);
  const borders = new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length]);
  const sorted = [...borders].sort((a, b) => a - b);
  return sorted.slice(1).map((end, index) => model.token(bytes.subarray(sorted[index], end)));
}
