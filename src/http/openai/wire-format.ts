/** What differs between the answers of /v1/completions and /v1/chat/completions. */
import type { SequenceOutcome } from '../sequence-text.ts';
import type { AnswerOptions } from './answer.ts';
import type { Choice, GatheredPart } from './choice.ts';

export type WireFormat = {
  /** In front of the random part of an answer's id. */
  readonly idPrefix: string;
  /** `object` of a whole answer, and of a chunk. */
  readonly answerObject: string;
  readonly chunkObject: string;
  /** Fields of a whole answer beside its choices. */
  answerFields(options: AnswerOptions, choices: readonly Choice[]): object;
  /** A whole choice. */
  choice(options: AnswerOptions, choice: Choice): object;
  /** What a choice of a stream begins with, and the fields of that chunk; null: nothing. */
  opening(options: AnswerOptions, choice: Choice): { choice: object; fields: object } | null;
  /** A delta as JSON, written by hand: most streams consist of these. */
  plainDelta(index: number, part: GatheredPart): string;
  /** A delta with tokens; the part is null where only ids came. */
  delta(
    options: AnswerOptions,
    choice: Choice,
    shown: { readonly part: GatheredPart | null; readonly ids: readonly number[] },
  ): object;
  /** The last delta. */
  finish(index: number, outcome: SequenceOutcome): object;
};
