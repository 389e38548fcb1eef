/** Fields about thinking: whether the model thinks, and what the client sees of it. */
import { type Static, Type } from 'typebox';
import { EtapError } from '../../errors.ts';
import type { MessageRules } from '../message-parts.ts';
import { boolean, oneOf } from './field.ts';

const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;
type Effort = (typeof EFFORTS)[number];

/** These models think or do not: there is nothing between. */
const OFF: readonly Effort[] = ['none', 'minimal'];

const effort = Type.Unsafe<Effort | null>({
  type: ['string', 'null'],
  enum: [...EFFORTS, null],
  description:
    '`none` and `minimal` switch thinking off, all others on, where the template can. The template ' +
    'gets it too.',
});

export const reasoningFields = {
  reasoning_effort: Type.Optional(effort),
  reasoning: Type.Optional(
    Type.Unsafe<{
      readonly effort?: Effort | null;
      readonly enabled?: boolean | null;
      readonly exclude?: boolean | null;
      readonly max_tokens?: unknown;
    } | null>({
      type: ['object', 'null'],
      description:
        '`effort`, as `reasoning_effort`; `enabled`: think or not; `exclude`: as ' +
        '`include_reasoning` false.',
      properties: {
        effort,
        enabled: { type: ['boolean', 'null'] },
        exclude: { type: ['boolean', 'null'] },
      },
    }),
  ),
  thinking: Type.Optional(
    oneOf(
      [
        Type.Boolean(),
        Type.Object({ type: Type.Enum(['enabled', 'disabled']), budget_tokens: Type.Any() }),
        Type.Object({ type: Type.Enum(['enabled', 'disabled']) }),
        Type.Null(),
      ],
      {
        expected: 'true, false or {"type":"enabled"} or {"type":"disabled"}',
        description: 'Think or not.',
      },
    ),
  ),
  include_reasoning: boolean(
    'False leaves thinking out of the answer; it is counted all the same.',
  ),
  separate_reasoning: boolean('False leaves thinking in the content, markers included.'),
  stream_reasoning: boolean('False sends thinking in one piece when it is complete.'),
};

const ReasoningBody = Type.Object(reasoningFields);
type ReasoningBody = Static<typeof ReasoningBody> & {
  readonly chat_template_kwargs?: Readonly<Record<string, unknown>> | null;
};

/**
 * Whether the client switches thinking on or off; null where it says nothing. The nearer to the
 * template a field is, the more it counts. Throws EtapError ETAP_ERR_NOT_SUPPORTED.
 */
export function toThinking(body: ReasoningBody): boolean | null {
  refuseBudgets(body);
  const kwargs = body.chat_template_kwargs ?? {};
  for (const value of [kwargs.thinking, kwargs.enable_thinking]) {
    if (typeof value === 'boolean') return value;
  }
  const { thinking, reasoning } = body;
  if (typeof thinking === 'boolean') return thinking;
  if (thinking != null) return thinking.type === 'enabled';
  if (reasoning?.enabled != null) return reasoning.enabled;
  const asked = effortOf(body);
  return asked === null ? null : !OFF.includes(asked);
}

export const effortOf = ({ reasoning, reasoning_effort: effort }: ReasoningBody): Effort | null =>
  effort ?? reasoning?.effort ?? null;

/** What the client sees of thinking. */
export function toShownReasoning(body: ReasoningBody): MessageRules['reasoning'] {
  if (body.include_reasoning === false || body.reasoning?.exclude === true) return 'hidden';
  if (body.separate_reasoning === false) return 'inContent';
  return body.stream_reasoning === false ? 'late' : 'shown';
}

function refuseBudgets({ thinking, reasoning }: ReasoningBody): void {
  const budget = typeof thinking === 'object' && thinking !== null && 'budget_tokens' in thinking;
  if (!budget && reasoning?.max_tokens == null) return;
  const param = budget ? 'thinking.budget_tokens' : 'reasoning.max_tokens';
  throw new EtapError(
    'ETAP_ERR_NOT_SUPPORTED',
    `${param}: thinking has no budget of its own; limit the whole with max_completion_tokens`,
    param,
  );
}
