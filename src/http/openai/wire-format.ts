/** What differs between the answers of /v1/completions and /v1/chat/completions. */
import type { SequenceOutcome } from '../sequence-text.ts';
import type { AnswerOptions } from './answer.ts';
import type { Choice, TextPart } from './choice.ts';

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
  /** JSON of a delta in front of and behind its text, where it is text alone. */
  textFrame(index: number): readonly [before: string, after: string];
  /** A delta with tokens. */
  delta(options: AnswerOptions, choice: Choice, part: TextPart): object;
  /** The last delta. */
  finish(index: number, outcome: SequenceOutcome): object;
};
