/**
 * A generation as SSE frames of `data: JSON`. Text waits in its choice until the stream takes it, so
 * that what came meanwhile goes out as one delta. A plain text delta is a constant, the text, and
 * another constant: nothing else is turned into JSON for a token.
 */
import type { TokenLogprobs } from '../../engine/index.ts';
import type { EtapError } from '../../errors.ts';
import { errorBody } from '../error-body.ts';
import type { GenerationListener } from '../generation.ts';
import { sequenceCount } from '../generation-request.ts';
import type { SequenceOutcome, TokenDetail } from '../sequence-text.ts';
import type { FrameSource } from '../sse.ts';
import type { AnswerOptions } from './answer.ts';
import { Choice } from './choice.ts';
import { UsageMeter } from './usage.ts';
import type { WireFormat } from './wire-format.ts';

/** Characters that one token with log-probabilities takes on the wire, and each further best one. */
const TOKEN_FRAME_LENGTH = 100;
const DONE = 'data: [DONE]\n\n';

/** Told when something waits; `failed` before the first frame was taken may still become a status. */
export type EncoderEvents = { onWaiting(): void; onFailed(error: EtapError): void };

class StreamChoice extends Choice {
  /** Constant parts around a delta's text. */
  readonly before: string;
  readonly after: string;
  opened = false;
  finished = false;
  /** Is in the list of choices that have something to say. */
  waiting = false;

  constructor(
    index: number,
    options: AnswerOptions,
    frame: { readonly before: string; readonly after: string },
  ) {
    super(index, options);
    this.before = frame.before;
    this.after = frame.after;
  }
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
    this.#choices = Array.from({ length: this.#unfinishedCount }, (_, index) => {
      const [before, after] = format.textFrame(index);
      return new StreamChoice(index, options, {
        before: this.#head + before,
        after: after + this.#tail,
      });
    });
  }

  onPromptLogprobs(index: number, tokens: readonly TokenLogprobs[]): void {
    this.#choice(index).promptLogprobs = tokens;
  }

  onText(index: number, text: string, tokenCount: number, detail: TokenDetail | null): void {
    const choice = this.#choice(index);
    choice.add(text, detail);
    this.#usage.onTokens(index, tokenCount);
    this.waitingLength += text.length;
    if (detail !== null) this.waitingLength += detail.tokens.length * this.#tokenLength;
    this.#wait(choice);
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
    if (!this.#showsTokens && !this.#options.continuousUsage) {
      const text = choice.takeText();
      if (text !== '') frames += choice.before + JSON.stringify(text) + choice.after;
    } else if (!choice.isEmpty) {
      frames += this.#frame(this.#format.delta(this.#options, choice, choice.take()));
    }
    if (choice.outcome !== null && !choice.finished) {
      choice.finished = true;
      this.#unfinishedCount--;
      frames += this.#frame(this.#format.finish(choice.index, choice.outcome));
    }
    return frames;
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
