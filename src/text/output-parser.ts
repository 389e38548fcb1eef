/**
 * Splits what a model writes into thinking, content and tool calls, as it streams. Markers never
 * show, whatever the tokens cut; text is never lost when a marker is missing.
 */
import { MarkerScanner } from './marker-scanner.ts';
import {
  CALL_BEGIN,
  CALL_END,
  CALL_SEPARATOR,
  CALLS_BEGIN,
  CALLS_END,
  OUTPUT_MARKERS,
  THINK_BEGIN,
  THINK_END,
} from './output-markers.ts';
import { type CallEvent, ToolCallText } from './tool-call-text.ts';

export type OutputEvent =
  | { readonly kind: 'reasoning' | 'content'; readonly text: string }
  | { readonly kind: 'toolCall'; readonly index: number; readonly name: string }
  | { readonly kind: 'toolArguments'; readonly index: number; readonly text: string };

export type OutputParserOptions = {
  /** The prompt ended inside thinking, so that the text begins there. */
  readonly insideThinking: boolean;
};

type State = 'start' | 'thinking' | 'content' | 'calls' | 'call';

export class OutputParser {
  readonly #scanner = new MarkerScanner(OUTPUT_MARKERS);
  #state: State;
  /** White space after a marker, which is shown only if text follows. */
  #trimming: boolean;
  /** White space before anything else: dropped if thinking follows. */
  #leading = '';
  #call = new ToolCallText();
  /** Calls whose name is known; the next one gets this index. */
  #callCount = 0;

  constructor({ insideThinking }: OutputParserOptions) {
    this.#state = insideThinking ? 'thinking' : 'start';
    this.#trimming = insideThinking;
  }

  /** Number of tool calls told so far. */
  get toolCallCount(): number {
    return this.#callCount;
  }

  /** True while the text is inside a tool call that has not ended. */
  get insideToolCall(): boolean {
    return this.#state === 'call';
  }

  get insideThinking(): boolean {
    return this.#state === 'thinking';
  }

  push(text: string): OutputEvent[] {
    return this.#scanner
      .push(text)
      .flatMap((piece) => ('text' in piece ? this.#text(piece.text) : this.#marker(piece.marker)));
  }

  /** What is left when the text ends; a call cut off in the middle gives what it had. */
  finish(): OutputEvent[] {
    const held = this.#scanner.flush();
    const events = held === '' ? [] : this.#text(held);
    if (this.#state === 'start' && this.#leading !== '') {
      return [{ kind: 'content', text: this.#leading }];
    }
    return this.#state === 'call' ? [...events, ...this.#callEvents(this.#call.end())] : events;
  }

  #text(text: string): OutputEvent[] {
    switch (this.#state) {
      case 'start':
        return this.#startOfText(text);
      case 'thinking':
        return this.#shown('reasoning', text);
      case 'content':
        return this.#shown('content', text);
      case 'calls': {
        // Between calls stand line breaks; anything else is not ours to hide.
        const shown = text.trimStart();
        if (shown === '') return [];
        this.#state = 'content';
        this.#trimming = false;
        return [{ kind: 'content', text: shown }];
      }
      case 'call':
        return this.#callEvents(this.#call.text(text));
    }
  }

  #startOfText(text: string): OutputEvent[] {
    this.#leading += text;
    if (this.#leading.trim() === '') return [];
    this.#state = 'content';
    return [{ kind: 'content', text: this.#leading }];
  }

  #marker(marker: string): OutputEvent[] {
    switch (marker) {
      case THINK_BEGIN:
        if (this.#state === 'start') return this.#enter('thinking');
        return this.#state === 'content' || this.#state === 'call' ? this.#text(marker) : [];
      case THINK_END:
        return this.#state === 'call' ? this.#text(marker) : this.#enter('content');
      case CALL_BEGIN: {
        const events = this.#endCall();
        this.#state = 'call';
        this.#call = new ToolCallText();
        return events;
      }
      case CALL_SEPARATOR:
        return this.#state === 'call' ? this.#callEvents(this.#call.separator()) : [];
      case CALLS_BEGIN:
      case CALL_END:
        return [...this.#endCall(), ...this.#enter('calls')];
      case CALLS_END:
        return [...this.#endCall(), ...this.#enter('content')];
      default:
        return [];
    }
  }

  #enter(state: State): OutputEvent[] {
    this.#state = state;
    this.#trimming = true;
    return [];
  }

  #endCall(): OutputEvent[] {
    return this.#state === 'call' ? this.#callEvents(this.#call.end()) : [];
  }

  /** Drops the line breaks that separate a marker from the text after it. */
  #shown(kind: 'reasoning' | 'content', text: string): OutputEvent[] {
    const shown = this.#trimming ? text.replace(/^\n+/, '') : text;
    if (shown === '') return [];
    this.#trimming = false;
    return [{ kind, text: shown }];
  }

  #callEvents(events: readonly CallEvent[]): OutputEvent[] {
    return events.map((event) =>
      'name' in event
        ? { kind: 'toolCall', index: this.#callCount++, name: event.name }
        : { kind: 'toolArguments', index: this.#callCount - 1, text: event.argumentsText },
    );
  }
}
