/** A generation as one whole answer. */
import type { TokenLogprobs } from '../../engine/index.ts';
import type { EtapError } from '../../errors.ts';
import type { GenerationListener } from '../generation.ts';
import { sequenceCount } from '../generation-request.ts';
import type { MessagePart, Progress } from '../message-parts.ts';
import type { SequenceOutcome } from '../sequence-text.ts';
import type { AnswerOptions } from './answer.ts';
import { Choice } from './choice.ts';
import { UsageMeter } from './usage.ts';
import type { WireFormat } from './wire-format.ts';

export type CollectorEvents = {
  onAnswer(answer: object): void;
  onFailed(error: EtapError): void;
};

export class AnswerCollector implements GenerationListener {
  readonly #format: WireFormat;
  readonly #options: AnswerOptions;
  readonly #events: CollectorEvents;
  readonly #choices: readonly Choice[];
  readonly #usage: UsageMeter;
  #unfinishedCount: number;

  constructor(format: WireFormat, options: AnswerOptions, events: CollectorEvents) {
    this.#format = format;
    this.#options = options;
    this.#events = events;
    this.#usage = new UsageMeter(options.request);
    this.#unfinishedCount = sequenceCount(options.request);
    this.#choices = Array.from(
      { length: this.#unfinishedCount },
      (_, index) => new Choice(index, options),
    );
  }

  onPromptLogprobs(index: number, tokens: readonly TokenLogprobs[]): void {
    const choice = this.#choices[index];
    if (choice !== undefined) choice.promptLogprobs = tokens;
  }

  onParts(index: number, parts: readonly MessagePart[], progress: Progress): void {
    this.#choices[index]?.add(parts, progress);
  }

  onSequenceEnd(index: number, outcome: SequenceOutcome): void {
    const choice = this.#choices[index];
    if (choice !== undefined) choice.outcome = outcome;
    this.#usage.onEnd(index, outcome);
    this.#unfinishedCount--;
    if (this.#unfinishedCount === 0) this.#events.onAnswer(this.#answer());
  }

  onFailure(error: EtapError): void {
    this.#events.onFailed(error);
  }

  #answer(): object {
    const { id, created, model, fingerprint } = this.#options.head;
    return {
      id,
      object: this.#format.answerObject,
      created,
      model,
      system_fingerprint: fingerprint,
      choices: this.#choices.map((choice) => this.#format.choice(this.#options, choice)),
      usage: this.#usage.usage(),
      ...this.#format.answerFields(this.#options, this.#choices),
    };
  }
}
