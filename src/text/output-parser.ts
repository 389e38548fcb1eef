/**
 * Splits what a model writes into thinking, content and tool calls, as it streams. Markers never
 * show, whatever the tokens cut; text is never lost when a marker is missing.
 */
import { characterCount } from './character-counter.ts';
import { MarkerScanner } from './marker-scanner.ts';
import {
  CALL_BEGIN,
  CALL_END,
  CALL_SEPARATOR,
  CALLS_BEGIN,
  CALLS_END,
  THINK_BEGIN,
  THINK_END,
  THINK_MARKERS,
  TOOL_MARKERS,
} from './output-markers.ts';
import { type CallEvent, ToolCallText } from './tool-call-text.ts';

type ShownText<Kind> = {
  readonly kind: Kind;
  readonly text: string;
  /** Characters (code points) of the whole output in front of `text`, markers included. */
  readonly start: number;
};

export type OutputEvent =
  | ShownText<'reasoning'>
  | ShownText<'content'>
  | { readonly kind: 'toolCall'; readonly index: number; readonly name: string }
  | { readonly kind: 'toolArguments'; readonly index: number; readonly text: string }
  | { readonly kind: 'toolCallEnd'; readonly index: number };

export type OutputParserOptions = {
  /** The prompt ended inside thinking, so that the text begins there. */
  readonly insideThinking: boolean;
  /** False leaves thinking, markers included, in the content. */
  readonly splitThinking?: boolean;
  /** False takes no text for a tool call: what stands between its markers is content. */
  readonly readToolCalls?: boolean;
};

type State = 'start' | 'thinking' | 'content' | 'calls' | 'call';

export class OutputParser {
  readonly #scanner: MarkerScanner;
  readonly #readToolCalls: boolean;
  #state: State;
  /** White space after a marker, which is shown only if text follows. */
  #trimming: boolean;
  /** White space before anything else: dropped if thinking follows. */
  #leading = '';
  #call = new ToolCallText();
  /** Calls whose name is known; the next one gets this index. */
  #callCount = 0;
  /** Where in the output the piece that is being read begins, in characters. */
  #position = 0;
  /** Where the text of the current call begins. */
  #callStart = 0;

  constructor(options: OutputParserOptions) {
    const { insideThinking, splitThinking = true, readToolCalls = true } = options;
    this.#scanner = new MarkerScanner([...(splitThinking ? THINK_MARKERS : []), ...TOOL_MARKERS]);
    this.#readToolCalls = readToolCalls;
    this.#state = insideThinking && splitThinking ? 'thinking' : 'start';
    this.#trimming = this.#state === 'thinking';
  }

  get insideThinking(): boolean {
    return this.#state === 'thinking';
  }

  push(text: string): OutputEvent[] {
    const events: OutputEvent[] = [];
    for (const piece of this.#scanner.push(text)) {
      const isText = 'text' in piece;
      events.push(...(isText ? this.#text(piece.text) : this.#marker(piece.marker)));
      this.#position += characterCount(isText ? piece.text : piece.marker);
    }
    return events;
  }

  /** What is left when the text ends; a call cut off in the middle gives what it had. */
  finish(): OutputEvent[] {
    const held = this.#scanner.flush();
    const events = held === '' ? [] : this.#text(held);
    this.#position += characterCount(held);
    if (this.#state === 'start') return this.#takeLeading();
    return [...events, ...this.#endCall()];
  }

  #text(text: string): OutputEvent[] {
    switch (this.#state) {
      case 'start':
        return this.#startOfText(text);
      case 'thinking':
        return this.#shown('reasoning', text);
      case 'content':
        return this.#shown('content', text);
      case 'calls':
        return this.#betweenCalls(text);
      case 'call':
        return this.#callEvents(this.#call.text(text));
    }
  }

  #startOfText(text: string): OutputEvent[] {
    if (text.trim() === '') {
      this.#leading += text;
      return [];
    }
    this.#state = 'content';
    return [...this.#takeLeading(), this.#event('content', text)];
  }

  /** White space that turned out to be content; it ends where the current piece begins. */
  #takeLeading(): OutputEvent[] {
    const text = this.#leading;
    this.#leading = '';
    if (text === '') return [];
    return [{ kind: 'content', text, start: this.#position - characterCount(text) }];
  }

  /** Between calls stand line breaks; anything else is not ours to hide. */
  #betweenCalls(text: string): OutputEvent[] {
    const shown = text.trimStart();
    if (shown === '') return [];
    this.#state = 'content';
    this.#trimming = false;
    return [this.#event('content', shown, text)];
  }

  #marker(marker: string): OutputEvent[] {
    switch (marker) {
      case THINK_BEGIN:
        if (this.#state === 'start') return this.#enter('thinking');
        return this.#state === 'content' || this.#state === 'call' ? this.#text(marker) : [];
      case THINK_END:
        return this.#state === 'call' ? this.#text(marker) : this.#enter('content');
      default:
        return this.#readToolCalls ? this.#toolMarker(marker) : this.#ignoreMarker();
    }
  }

  #toolMarker(marker: string): OutputEvent[] {
    switch (marker) {
      case CALL_BEGIN: {
        const events = this.#endCall();
        this.#enter('call');
        this.#call = new ToolCallText();
        this.#callStart = this.#position + characterCount(marker);
        return events;
      }
      case CALL_SEPARATOR:
        if (this.#state !== 'call') return this.#ignoreMarker();
        return this.#callEvents(this.#call.separator());
      case CALLS_BEGIN:
      case CALL_END:
        return [...this.#endCall(), ...this.#enter('calls')];
      case CALLS_END:
        return [...this.#endCall(), ...this.#enter('content')];
      default:
        return [];
    }
  }

  /** A marker without a meaning: what follows is no beginning any more. */
  #ignoreMarker(): OutputEvent[] {
    if (this.#state !== 'start') return [];
    const events = this.#takeLeading();
    this.#state = 'content';
    return events;
  }

  #enter(state: State): OutputEvent[] {
    this.#leading = '';
    this.#state = state;
    this.#trimming = true;
    return [];
  }

  #endCall(): OutputEvent[] {
    if (this.#state !== 'call') return [];
    const { events, nameless } = this.#call.end();
    this.#state = 'calls';
    if (nameless !== '') return [{ kind: 'content', text: nameless, start: this.#callStart }];
    const told = this.#callEvents(events);
    if (!this.#call.named) return told;
    return [...told, { kind: 'toolCallEnd', index: this.#callCount - 1 }];
  }

  /** Drops the line breaks that separate a marker from the text after it. */
  #shown(kind: 'reasoning' | 'content', text: string): OutputEvent[] {
    const shown = this.#trimming ? text.replace(/^\n+/, '') : text;
    if (shown === '') return [];
    this.#trimming = false;
    return [this.#event(kind, shown, text)];
  }

  /** @param from the piece that `text` is the end of */
  #event(kind: 'reasoning' | 'content', text: string, from = text): OutputEvent {
    const dropped = from.length === text.length ? 0 : characterCount(from) - characterCount(text);
    return { kind, text, start: this.#position + dropped };
  }

  #callEvents(events: readonly CallEvent[]): OutputEvent[] {
    return events.map((event) =>
      'name' in event
        ? { kind: 'toolCall', index: this.#callCount++, name: event.name }
        : { kind: 'toolArguments', index: this.#callCount - 1, text: event.argumentsText },
    );
  }
}
