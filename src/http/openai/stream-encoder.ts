/**
 * A generation as SSE frames of `data: JSON`. Parts wait in their choice until the stream takes them,
 * so that what came meanwhile goes out as one delta. A plain delta is a constant, the text, and
 * another constant: nothing else is turned into JSON for a token.
 */
import type { TokenLogprobs } from '../../engine/index.ts';
import type { EtapError } from '../../errors.ts';
import { errorBody } from '../error-body.ts';
import type { GenerationListener } from '../generation.ts';
import { sequenceCount } from '../generation-request.ts';
import type { MessagePart, Progress } from '../message-parts.ts';
import type { SequenceOutcome } from '../sequence-text.ts';
import type { FrameSource } from '../sse.ts';
import type { AnswerOptions } from './answer.ts';
import { Choice } from './choice.ts';
import { UsageMeter } from './usage.ts';
import type { WireFormat } from './wire-format.ts';

/** Characters that one token with log-probabilities takes on the wire, and each further best one. */
const TOKEN_FRAME_LENGTH = 100;
/** Characters that a tool call takes on the wire beside its name. */
const TOOL_CALL_LENGTH = 100;
const DONE = 'data: [DONE]\n\n';

/** Told when something waits; `failed` before the first frame was taken may still become a status. */
export type EncoderEvents = { onWaiting(): void; onFailed(error: EtapError): void };

class StreamChoice extends Choice {
  opened = false;
  finished = false;
  /** Is in the list of choices that have something to say. */
  waiting = false;
}

export class StreamEncoder implements GenerationListener, FrameSource {
  readonly #format: WireFormat;
  readonly #options: AnswerOptions;
  readonly #events: EncoderEvents;
  readonly #choices: readonly StreamChoice[];
  readonly #usage: UsageMeter;
  readonly #tokenLength: number;
  readonly #showsTokens: boolean;
  /** A chunk up to its choices, and from there on where usage does not change. */
  readonly #head: string;
  readonly #tail: string;
  #waiting: StreamChoice[] = [];
  #unfinishedCount: number;
  #failure: EtapError | null = null;
  waitingLength = 0;
  ended = false;

  constructor(format: WireFormat, options: AnswerOptions, events: EncoderEvents) {
    this.#format = format;
    this.#options = options;
    this.#events = events;
    this.#usage = new UsageMeter(options.request);
    this.#unfinishedCount = sequenceCount(options.request);
    this.#showsTokens = options.showLogprobs || options.showTokenIds;
    this.#tokenLength = TOKEN_FRAME_LENGTH * (1 + options.style.topCount);
    this.#head = `data: ${JSON.stringify(this.#headFields()).slice(0, -1)},"choices":[`;
    this.#tail = options.includeUsage ? '],"usage":null}\n\n' : ']}\n\n';
    this.#choices = Array.from(
      { length: this.#unfinishedCount },
      (_, index) => new StreamChoice(index, options),
    );
  }

  onPromptLogprobs(index: number, tokens: readonly TokenLogprobs[]): void {
    this.#choice(index).promptLogprobs = tokens;
  }

  onParts(index: number, parts: readonly MessagePart[], progress: Progress): void {
    const choice = this.#choice(index);
    choice.add(parts, progress);
    this.#usage.onProgress(index, progress);
    for (const part of parts) this.waitingLength += this.#lengthOf(part);
    if (!choice.isEmpty) this.#wait(choice);
  }

  onSequenceEnd(index: number, outcome: SequenceOutcome): void {
    const choice = this.#choice(index);
    choice.outcome = outcome;
    this.#usage.onEnd(index, outcome);
    this.#wait(choice);
  }

  onFailure(error: EtapError): void {
    this.#failure = error;
    this.#events.onFailed(error);
  }

  takeFrames(): string {
    if (this.ended) return '';
    let frames = '';
    const waiting = this.#waiting;
    this.#waiting = [];
    this.waitingLength = 0;
    for (const choice of waiting) {
      choice.waiting = false;
      frames += this.#framesOf(choice);
    }
    if (this.#failure !== null) {
      this.ended = true;
      return `${frames}data: ${JSON.stringify(errorBody(this.#failure))}\n\n${DONE}`;
    }
    if (this.#unfinishedCount > 0) return frames;
    this.ended = true;
    return frames + this.#usageFrame() + DONE;
  }

  #wait(choice: StreamChoice): void {
    if (!choice.waiting) {
      choice.waiting = true;
      this.#waiting.push(choice);
    }
    this.#events.onWaiting();
  }

  #framesOf(choice: StreamChoice): string {
    let frames = '';
    if (!choice.opened) {
      choice.opened = true;
      const opening = this.#format.opening(this.#options, choice);
      if (opening !== null) frames += this.#frame(opening.choice, opening.fields);
    }
    if (!choice.isEmpty) frames += this.#deltasOf(choice);
    if (choice.outcome !== null && !choice.finished) {
      choice.finished = true;
      this.#unfinishedCount--;
      frames += this.#frame(this.#format.finish(choice.index, choice.outcome));
    }
    return frames;
  }

  #deltasOf(choice: StreamChoice): string {
    const { parts, ids } = choice.take();
    if (!this.#showsTokens && !this.#options.continuousUsage) {
      let frames = '';
      for (const part of parts) {
        frames += this.#head + this.#format.plainDelta(choice.index, part) + this.#tail;
      }
      return frames;
    }
    // Ids say nothing about parts: the first delta has them all.
    const shown = parts.length === 0 ? [null] : parts;
    return shown
      .map((part, at) => {
        const delta = { part, ids: at === 0 ? ids : [] };
        return this.#frame(this.#format.delta(this.#options, choice, delta));
      })
      .join('');
  }

  #lengthOf(part: MessagePart): number {
    if (part.kind === 'toolCall') return TOOL_CALL_LENGTH + part.name.length;
    if (part.kind === 'toolCallEnd') return 0;
    if (part.kind !== 'content') return part.text.length;
    return part.text.length + part.tokens.length * this.#tokenLength;
  }

  #frame(choice: object, fields: object = {}): string {
    const further = JSON.stringify(fields).slice(1, -1);
    const tail = this.#options.continuousUsage
      ? `],"usage":${JSON.stringify(this.#usage.usage())}}\n\n`
      : this.#tail;
    const between = further === '' ? '' : `],${further}`;
    return this.#head + JSON.stringify(choice) + between + (further === '' ? tail : tail.slice(1));
  }

  #usageFrame(): string {
    if (!this.#options.includeUsage) return '';
    return `${this.#head}],"usage":${JSON.stringify(this.#usage.usage())}}\n\n`;
  }

  #headFields() {
    const { id, created, model, fingerprint } = this.#options.head;
    const object = this.#format.chunkObject;
    return { id, object, created, model, system_fingerprint: fingerprint };
  }

  #choice(index: number): StreamChoice {
    const choice = this.#choices[index];
    if (choice === undefined) throw new RangeError(`no choice ${index}`);
    return choice;
  }
}
