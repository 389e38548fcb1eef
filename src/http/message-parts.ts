/**
 * The one vocabulary in which every wire format hears what a sequence says: reasoning, content and
 * tool calls, told piece by piece. Text is never repeated and never taken back; the pieces of a kind
 * joined are the whole of it, however the tokens cut the text. A sequence tells:
 *
 *   (reasoning | content | toolCall toolArguments* toolCallEnd)*   then exactly one end, or a failure
 *
 * Markers of thinking and of tool calls are taken out. /v1/completions, whose text is raw, hears
 * content alone.
 */
import type { TextToken } from './token-trail.ts';

export type MessagePart =
  | {
      readonly kind: 'content';
      /** May be '' where only tokens became visible. */
      readonly text: string;
      /** Tokens with a character in the content, for requests with `wantsTokens`. */
      readonly tokens: readonly TextToken[];
    }
  | { readonly kind: 'reasoning'; readonly text: string }
  | {
      readonly kind: 'toolCall';
      /** Counts the sequence's calls from 0. */
      readonly call: number;
      readonly id: string;
      readonly name: string;
    }
  /** `text` joined is what the model wrote: JSON, unless it was cut off or the model failed. */
  | { readonly kind: 'toolArguments'; readonly call: number; readonly text: string }
  | { readonly kind: 'toolCallEnd'; readonly call: number };

/** How far a sequence is. */
export type Progress = {
  readonly tokenCount: number;
  /** Tokens up to the end of thinking, its markers included. */
  readonly reasoningTokenCount: number;
  /** Ids generated since the last time, whatever became of them; only with `wantsTokens`. */
  readonly ids: readonly number[];
};

/** How a sequence's text is read as a message of the assistant. */
export type MessageRules = {
  /** The prompt ended inside thinking. */
  readonly startsThinking: boolean;
  /**
   * `shown` as it comes; `late` in one piece when it is complete; `hidden` not at all; `inContent`
   * not taken apart: the content has it, markers included.
   */
  readonly reasoning: 'shown' | 'late' | 'hidden' | 'inContent';
  /** Calls that may be made; with `none`, what stands between their markers is content. */
  readonly toolCalls: 'none' | 'one' | 'many';
};
