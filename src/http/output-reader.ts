/**
 * Reads the text of one sequence as message parts, and says when the answer is complete before the
 * model ends it. Stop strings are looked for in the content alone: a line break that ends an answer
 * should not cut the thinking before it, nor the arguments of a call.
 */
import { randomUUID } from 'node:crypto';
import { characterCount, type OutputEvent, OutputParser, StopMatcher } from '../text/index.ts';
import type { MessagePart, MessageRules } from './message-parts.ts';

/** A part before its tokens are known: content says where in the sequence's text it stands. */
export type ReadPart =
  | Exclude<MessagePart, { readonly kind: 'content' }>
  | {
      readonly kind: 'content';
      readonly text: string;
      /** Characters of the sequence's text in front of this. */
      readonly start: number;
    };

/** Why nothing of a sequence is wanted any more. */
export type ReadStop = {
  /** The stop string; null when the one call that was wanted is complete. */
  readonly stopString: string | null;
};

export type ReaderOptions = {
  /** Null reads all text as content. */
  readonly message: MessageRules | null;
  readonly stopStrings: readonly string[];
  readonly includeStop: boolean;
};

export class OutputReader {
  readonly #options: ReaderOptions;
  readonly #parser: OutputParser | null;
  readonly #matcher: StopMatcher | null;
  /** Where the text stands that the matcher holds back, and where the content so far ends. */
  #heldStart = 0;
  #contentEnd = 0;
  /** Characters read, where there is no parser that counts them. */
  #position = 0;
  #lateReasoning = '';
  #callCount = 0;
  #stop: ReadStop | null = null;

  constructor(options: ReaderOptions) {
    const { message, stopStrings } = options;
    this.#options = options;
    this.#matcher = stopStrings.length > 0 ? new StopMatcher(stopStrings) : null;
    this.#parser =
      message === null
        ? null
        : new OutputParser({
            insideThinking: message.startsThinking,
            splitThinking: message.reasoning !== 'inContent',
            readToolCalls: message.toolCalls !== 'none',
          });
  }

  /** Set once: nothing is read after it. */
  get stop(): ReadStop | null {
    return this.#stop;
  }

  get insideThinking(): boolean {
    return this.#parser?.insideThinking ?? false;
  }

  get callCount(): number {
    return this.#callCount;
  }

  /** @param mayStop false while a stop string may not end the answer yet */
  push(text: string, mayStop: boolean): ReadPart[] {
    if (text === '' || this.#stop !== null) return [];
    const events = this.#parser === null ? [this.#plain(text)] : this.#parser.push(text);
    return this.#read(events, mayStop);
  }

  /** What waited for more, once the text is complete. */
  finish(): ReadPart[] {
    if (this.#stop !== null) return [];
    const parts = this.#read(this.#parser?.finish() ?? [], true);
    if (this.#stop === null) parts.push(...this.#flushContent(), ...this.#flushReasoning());
    return parts;
  }

  #plain(text: string): OutputEvent {
    const start = this.#position;
    this.#position += characterCount(text);
    return { kind: 'content', text, start };
  }

  #read(events: readonly OutputEvent[], mayStop: boolean): ReadPart[] {
    const parts: ReadPart[] = [];
    for (const event of events) {
      if (event.kind === 'content') {
        parts.push(...this.#flushReasoning(), ...this.#content(event.text, event.start, mayStop));
      } else if (event.kind === 'reasoning') {
        parts.push(...this.#flushContent(), ...this.#reasoning(event.text));
      } else {
        parts.push(...this.#flushReasoning(), ...this.#flushContent(), this.#call(event));
      }
      if (this.#stop !== null) break;
    }
    return parts;
  }

  #content(text: string, start: number, mayStop: boolean): ReadPart[] {
    if (this.#matcher === null || !mayStop) return [{ kind: 'content', text, start }];
    // A stop string is not put together of texts with a marker between them.
    const parts = start === this.#contentEnd ? [] : this.#flushContent();
    if (this.#matcher.heldLength === 0) this.#heldStart = start;
    const shownStart = this.#heldStart;
    const match = this.#matcher.push(text);
    if (match.stop !== null) this.#stop = { stopString: match.stop };
    this.#heldStart += characterCount(match.text);
    this.#contentEnd = start + characterCount(text);
    const kept = match.stop !== null && this.#options.includeStop ? match.stop : '';
    const shown = match.text + kept;
    if (shown !== '') parts.push({ kind: 'content', text: shown, start: shownStart });
    return parts;
  }

  /** What might have become a stop string did not: something else follows, or nothing. */
  #flushContent(): ReadPart[] {
    const text = this.#matcher?.flush() ?? '';
    return text === '' ? [] : [{ kind: 'content', text, start: this.#heldStart }];
  }

  #reasoning(text: string): ReadPart[] {
    const how = this.#options.message?.reasoning;
    if (how === 'shown') return [{ kind: 'reasoning', text }];
    if (how === 'late') this.#lateReasoning += text;
    return [];
  }

  #flushReasoning(): ReadPart[] {
    const text = this.#lateReasoning;
    this.#lateReasoning = '';
    return text === '' ? [] : [{ kind: 'reasoning', text }];
  }

  #call(event: Exclude<OutputEvent, { readonly kind: 'reasoning' | 'content' }>): ReadPart {
    if (event.kind === 'toolArguments') {
      return { kind: 'toolArguments', call: event.index, text: event.text };
    }
    if (event.kind === 'toolCall') {
      const id = `call_${randomUUID().replaceAll('-', '')}`;
      this.#callCount++;
      return { kind: 'toolCall', call: event.index, id, name: event.name };
    }
    if (this.#options.message?.toolCalls === 'one') this.#stop = { stopString: null };
    return { kind: 'toolCallEnd', call: event.index };
  }
}
