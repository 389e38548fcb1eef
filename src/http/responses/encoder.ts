/**
 * A generation as a response: its object as far as it has come, and the events that tell how it comes
 * about. Text waits until the events are taken, so that what came meanwhile is one delta; the end is
 * written at once, so that the response can be stored however slow its reader is.
 */
import type { EtapError } from '../../errors.ts';
import type { GenerationListener } from '../generation.ts';
import type { GenerationRequest } from '../generation-request.ts';
import type { MessagePart, Progress } from '../message-parts.ts';
import { Choice, chatLogprobs, type LogprobStyle } from '../openai/index.ts';
import type { SequenceOutcome } from '../sequence-text.ts';
import { OutputWriter } from './output-writer.ts';
import {
  type ResponseHead,
  type ResponseResource,
  type ResponseState,
  resourceHead,
  responseError,
  usageOf,
} from './resource.ts';
import type { ResponsesBody } from './schema.ts';

export type EncoderParts = {
  readonly head: ResponseHead;
  readonly body: ResponsesBody;
  readonly request: GenerationRequest;
  readonly style: LogprobStyle;
  readonly now: () => number;
};

export type EncoderEvents = {
  /** Something waits to be taken. */
  onWaiting(): void;
  /** The response is in its last state. */
  onEnd(): void;
};

/** Characters that one token with log-probabilities takes on the wire, and each further best one. */
const TOKEN_LENGTH = 100;

export class ResponseEncoder implements GenerationListener {
  readonly #parts: EncoderParts;
  readonly #events: EncoderEvents;
  readonly #head: ReturnType<typeof resourceHead>;
  readonly #choice: Choice;
  readonly #writer: OutputWriter;
  #state: Omit<ResponseState, 'output'> = {
    status: 'in_progress',
    completed_at: null,
    error: null,
    incomplete_details: null,
    usage: null,
  };
  #queue: string[] = [];
  #sequenceNumber = 0;
  /** Resolves when the response is in its last state. */
  readonly end: Promise<void>;
  #tellEnd: () => void = () => {};
  /** Why it failed; null where it did not. */
  failure: EtapError | null = null;
  waitingLength = 0;

  constructor(parts: EncoderParts, events: EncoderEvents) {
    const showLogprobs = parts.request.sampling.topLogprobs !== null;
    this.#parts = parts;
    this.#events = events;
    this.end = new Promise((resolve) => {
      this.#tellEnd = resolve;
    });
    this.#head = resourceHead(parts.head, parts.body, parts.request);
    this.#choice = new Choice(0, { showLogprobs, showTokenIds: false });
    this.#writer = new OutputWriter({
      emit: (type, fields) => this.#emit(type, fields),
      itemId: (prefix, index) => itemId(parts.head.id, prefix, index),
      logprobs: showLogprobs ? (tokens) => chatLogprobs(tokens, parts.style) : null,
    });
    const response = this.resource();
    this.#emit('created', { response });
    this.#emit('in_progress', { response });
  }

  /** The response as far as it has come. */
  resource(): ResponseResource {
    return { ...this.#head, ...this.#state, output: [...this.#writer.items] };
  }

  get ended(): boolean {
    return this.#state.status !== 'in_progress';
  }

  /** Events that wait, as JSON; their type comes first. */
  takeEvents(): readonly string[] {
    this.#writeParts();
    const events = this.#queue;
    this.#queue = [];
    this.waitingLength = 0;
    return events;
  }

  onPromptLogprobs(): void {}

  onParts(_index: number, parts: readonly MessagePart[], progress: Progress): void {
    if (this.ended) return;
    this.#choice.add(parts, progress);
    for (const part of parts) {
      if ('text' in part) this.waitingLength += part.text.length;
      if (part.kind === 'content') this.waitingLength += part.tokens.length * this.#tokenLength;
    }
    this.#events.onWaiting();
  }

  onSequenceEnd(_index: number, outcome: SequenceOutcome): void {
    // A warm-up asks for no text and has it all.
    const [prompt] = this.#parts.request.prompts;
    const cutOff = outcome.finishReason === 'length' && prompt?.maxTokens !== 0;
    this.#end(cutOff ? 'incomplete' : 'completed', cutOff ? 'incomplete' : 'completed', {
      completed_at: cutOff ? null : this.#parts.now(),
      incomplete_details: cutOff ? { reason: 'max_output_tokens' } : null,
      usage: usageOf(outcome),
    });
  }

  onFailure(error: EtapError): void {
    this.failure = error;
    this.#end('failed', 'failed', { error: responseError(error) });
  }

  /** Nobody wants the rest; what was said so far stays. */
  cancel(): void {
    // Clients know three ends; this one is the closest.
    this.#end('incomplete', 'cancelled', {});
  }

  get #tokenLength(): number {
    return TOKEN_LENGTH * (1 + this.#parts.style.topCount);
  }

  #end(
    type: 'completed' | 'incomplete' | 'failed',
    status: ResponseState['status'],
    changes: Partial<ResponseState>,
  ): void {
    if (this.ended) return;
    this.#writeParts();
    this.#writer.close(status === 'completed' ? 'completed' : 'incomplete');
    this.#state = { ...this.#state, ...changes, status };
    this.#emit(type, { response: this.resource() });
    this.#events.onEnd();
    this.#tellEnd();
    this.#events.onWaiting();
  }

  #writeParts(): void {
    for (const part of this.#choice.take().parts) this.#writer.write(part);
  }

  #emit(type: string, fields: object): void {
    const event = { type: `response.${type}`, sequence_number: this.#sequenceNumber++, ...fields };
    this.#queue.push(JSON.stringify(event));
  }
}

/** Says which response it belongs to, so that `item_reference` finds it in the store. */
const itemId = (responseId: string, prefix: string, index: number): string =>
  `${prefix}_${responseId.replace(/^resp_/, '')}_${index}`;

/** The response that an item of ours belongs to; null for ids of another making. */
export function responseIdOf(id: string): string | null {
  const match = /^(?:msg|rs|fc)_([0-9a-f]{32})_\d+$/.exec(id);
  return match === null ? null : `resp_${match[1]}`;
}
