/** Items as the messages of a chat: thinking, text and calls of one turn of the assistant are one. */
import type { ChatBody } from '../openai/index.ts';
import type { FunctionCallItem, Item } from './items.ts';

type Message = ChatBody['messages'][number];

/** A turn of the assistant that may go on. */
type OpenTurn = {
  readonly role: 'assistant';
  content: string | null;
  reasoning_content?: string;
  tool_calls?: NonNullable<Message['tool_calls']>;
};

export function chatHistory(items: readonly Item[]): Message[] {
  const history = new ChatHistory();
  for (const item of items) history.add(item);
  return history.messages();
}

class ChatHistory {
  readonly #messages: (Message | OpenTurn)[] = [];
  #open: OpenTurn | null = null;

  add(item: Item): void {
    switch (item.type) {
      case 'reasoning':
        this.#think(joined(item.content, '\n'));
        break;
      case 'function_call':
        this.#call(item);
        break;
      case 'function_call_output':
        this.#say({ role: 'tool', content: item.output, tool_call_id: item.call_id });
        break;
      case 'message': {
        const { role, content } = item;
        if (role === 'assistant') this.#answer(joined(content, ''));
        else this.#say({ role, content: joined(content, '\n') });
        break;
      }
    }
  }

  /** A turn that was cut off while it was thinking said nothing. */
  messages(): Message[] {
    return this.#messages.map((message) => ({
      ...message,
      content: message.content ?? (message.tool_calls == null ? '' : null),
    }));
  }

  #say(message: Message): void {
    this.#open = null;
    this.#messages.push(message);
  }

  #think(text: string): void {
    const turn = this.#turn({ mayHaveSpoken: false });
    turn.reasoning_content = (turn.reasoning_content ?? '') + text;
  }

  #answer(text: string): void {
    this.#turn({ mayHaveSpoken: false }).content = text;
  }

  #call({ call_id: id, name, arguments: text }: FunctionCallItem): void {
    const turn = this.#turn({ mayHaveSpoken: true });
    const call = { id, type: 'function' as const, function: { name, arguments: text } };
    turn.tool_calls = [...(turn.tool_calls ?? []), call];
  }

  /** The open turn, or a new one: calls follow text, but a thought or a text begins a turn. */
  #turn({ mayHaveSpoken }: { readonly mayHaveSpoken: boolean }): OpenTurn {
    const open = this.#open;
    const hasSpoken = open !== null && (open.content !== null || open.tool_calls !== undefined);
    if (open !== null && (mayHaveSpoken || !hasSpoken)) return open;
    const turn: OpenTurn = { role: 'assistant', content: null };
    this.#messages.push(turn);
    this.#open = turn;
    return turn;
  }
}

const joined = (parts: readonly { readonly text: string }[], separator: string): string =>
  parts.map(({ text }) => text).join(separator);
