/** Builds the output items of a response from message parts, telling each change as an event. */
import type { ChatLogprob, GatheredPart } from '../openai/index.ts';
import type { TextToken } from '../token-trail.ts';
import type {
  FunctionCallItem,
  ItemStatus,
  MessageItem,
  OutputItem,
  OutputText,
  ReasoningItem,
  ReasoningText,
} from './items.ts';

export type EmitEvent = (type: string, fields: object) => void;

export type WriterOptions = {
  readonly emit: EmitEvent;
  /** The id of the n-th item. */
  readonly itemId: (prefix: 'msg' | 'rs' | 'fc', index: number) => string;
  /** Log-probabilities as the wire has them; null where they were not asked for. */
  readonly logprobs: ((tokens: readonly TextToken[]) => readonly ChatLogprob[]) | null;
};

type TextItem = MessageItem | ReasoningItem;

export class OutputWriter {
  readonly items: OutputItem[] = [];
  readonly #options: WriterOptions;
  #open: OutputItem | null = null;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  write(part: GatheredPart): void {
    switch (part.kind) {
      case 'content':
        this.#text(this.#message(), part.text, part.tokens);
        break;
      case 'reasoning':
        this.#text(this.#reasoning(), part.text, []);
        break;
      case 'toolCall':
        this.close('completed');
        this.#begin({
          id: this.#id('fc'),
          type: 'function_call',
          call_id: part.id,
          name: part.name,
          arguments: '',
          status: 'in_progress',
        });
        break;
      case 'toolArguments':
        this.#arguments(part.text);
        break;
    }
  }

  /** Ends the item that is open, if one is. */
  close(status: Exclude<ItemStatus, 'in_progress'>): void {
    const item = this.#open;
    if (item === null) return;
    this.#open = null;
    if (item.type === 'function_call') this.#closeCall(item);
    else this.#closeText(item);
    item.status = status;
    this.#emit('output_item.done', { item });
  }

  get #index(): number {
    return this.items.length - 1;
  }

  #id(prefix: 'msg' | 'rs' | 'fc'): string {
    return this.#options.itemId(prefix, this.items.length);
  }

  #message(): MessageItem {
    if (this.#open?.type === 'message') return this.#open;
    this.close('completed');
    const item: MessageItem = {
      id: this.#id('msg'),
      type: 'message',
      role: 'assistant',
      status: 'in_progress',
      content: [],
    };
    this.#begin(item);
    this.#beginPart(item, { type: 'output_text', text: '', annotations: [], logprobs: [] });
    return item;
  }

  #reasoning(): ReasoningItem {
    if (this.#open?.type === 'reasoning') return this.#open;
    this.close('completed');
    const item: ReasoningItem = {
      id: this.#id('rs'),
      type: 'reasoning',
      summary: [],
      content: [],
      status: 'in_progress',
    };
    this.#begin(item);
    this.#beginPart(item, { type: 'reasoning_text', text: '' });
    return item;
  }

  #begin(item: OutputItem): void {
    this.items.push(item);
    this.#open = item;
    this.#emit('output_item.added', { item });
  }

  #beginPart(item: TextItem, part: OutputText | ReasoningText): void {
    this.#emit('content_part.added', { item_id: item.id, content_index: 0, part });
    (item.content as (OutputText | ReasoningText)[]).push(part);
  }

  #text(item: TextItem, delta: string, tokens: readonly TextToken[]): void {
    const [part] = item.content;
    if (part === undefined) return;
    (part as { text: string }).text += delta;
    const place = { item_id: item.id, content_index: 0, delta };
    if (part.type === 'reasoning_text') {
      this.#emit('reasoning_text.delta', place);
    } else if (part.type === 'output_text') {
      const logprobs = this.#options.logprobs?.(tokens) ?? [];
      for (const logprob of logprobs) part.logprobs.push(logprob);
      this.#emit('output_text.delta', { ...place, logprobs: logprobs.map(withoutBytes) });
    }
  }

  #closeText(item: TextItem): void {
    const [part] = item.content;
    if (part === undefined) return;
    const place = { item_id: item.id, content_index: 0 };
    if (part.type === 'reasoning_text') {
      this.#emit('reasoning_text.done', { ...place, text: part.text });
    } else if (part.type === 'output_text') {
      const logprobs = (part.logprobs as ChatLogprob[]).map(withoutBytes);
      this.#emit('output_text.done', { ...place, text: part.text, logprobs });
    }
    this.#emit('content_part.done', { ...place, part });
  }

  #arguments(delta: string): void {
    if (this.#open?.type !== 'function_call') return;
    this.#open.arguments += delta;
    this.#emit('function_call_arguments.delta', { item_id: this.#open.id, delta });
  }

  #closeCall(item: FunctionCallItem): void {
    const { id, name, arguments: text } = item;
    this.#emit('function_call_arguments.done', { item_id: id, name, arguments: text });
  }

  #emit(type: string, fields: object): void {
    this.#options.emit(type, { output_index: this.#index, ...fields });
  }
}

/** Events have no bytes; the finished item has them. */
const withoutBytes = ({ token, logprob, top_logprobs }: ChatLogprob) => ({
  token,
  logprob,
  top_logprobs: top_logprobs.map((top) => ({ token: top.token, logprob: top.logprob })),
});
