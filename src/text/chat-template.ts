/** Renders conversations with the model's own Jinja template, as Hugging Face does. */
import { Template } from '@huggingface/jinja';
import { EtapError } from '../errors.ts';
import { closeCalls } from './close-calls.ts';
import { startsInsideThinking, THINK_END } from './output-markers.ts';
import { probeTemplate, type TemplateTraits } from './template-traits.ts';
import type { ChatMessage, RenderOptions } from './text-model.ts';
import { toolPrompt } from './tool-prompt.ts';

/** Template variables that a request may not replace. */
const RESERVED = new Set(['messages', 'tools', 'add_generation_prompt', 'bos_token', 'eos_token']);

/** Ends thinking where a template opens it, whatever it is told. */
const NO_THINKING = `\n${THINK_END}\n\n`;

export type TemplateTokens = { readonly bosToken: string; readonly eosToken: string };

/** Applied to every user-written string before it is rendered. */
export type Protect = (text: string, options: { readonly ownThinking: boolean }) => string;

export class ChatTemplate {
  readonly traits: TemplateTraits;
  readonly #template: Template;
  readonly #tokens: TemplateTokens;

  /** Throws EtapError ETAP_ERR_TOKENIZER when the template does not parse. */
  constructor(source: string, tokens: TemplateTokens) {
    this.#tokens = tokens;
    try {
      this.#template = new Template(source);
    } catch (error) {
      throw new EtapError(
        'ETAP_ERR_TOKENIZER',
        `the model's chat template does not parse: ${messageOf(error)}; ` +
          'repair chat_template in tokenizer_config.json',
      );
    }
    this.traits = probeTemplate((variables) => {
      try {
        return this.#template.render(this.#withTokens(variables));
      } catch {
        return null;
      }
    });
  }

  /** Throws EtapError ETAP_ERR_INVALID_REQUEST when the template refuses the conversation. */
  render(messages: readonly ChatMessage[], options: RenderOptions, protect: Protect): string {
    const plain = (text: string) => protect(text, { ownThinking: false });
    const tools = options.tools === null ? null : protectStrings(options.tools, plain);
    const shown = messages.map((message) => protectMessage(this.#adapt(message), protect));
    const rendered = this.#renderTemplate({
      ...protectStrings(this.#kwargs(options), plain),
      messages: this.traits.listsTools ? shown : this.#withTools(shown, tools ?? []),
      tools,
      add_generation_prompt: options.addGenerationPrompt,
    });
    const closed = closeCalls(rendered, this.#tokens.eosToken);
    if (options.continueFinalMessage) {
      return cutAfterFinalMessage(closed, String(shown.at(-1)?.content ?? ''));
    }
    const thinksAnyway =
      options.thinking === false && options.addGenerationPrompt && startsInsideThinking(closed);
    return thinksAnyway ? closed + NO_THINKING : closed;
  }

  /** The switch goes by two names; what the request sets by itself stays. */
  #kwargs({ kwargs, thinking }: RenderOptions): Record<string, unknown> {
    const both = thinking === null ? {} : { thinking, enable_thinking: thinking };
    const allowed = Object.entries(kwargs).filter(([name]) => !RESERVED.has(name));
    return { ...both, ...Object.fromEntries(allowed) };
  }

  /** A message as the template wants it. */
  #adapt(message: ChatMessage): RenderedMessage {
    if (message.tool_calls === undefined) return message;
    return {
      ...message,
      content: this.#contentBesideCalls(message.content),
      tool_calls: message.tool_calls.map((call) => ({
        ...call,
        function: { ...call.function, arguments: this.#argumentsOf(call.function.arguments) },
      })),
    };
  }

  #contentBesideCalls(content: string | null): string | null {
    const { emptyContent } = this.traits;
    if ((content ?? '') !== '' || emptyContent === 'either') return content;
    return emptyContent === 'text' ? '' : null;
  }

  #argumentsOf(text: string): unknown {
    if (!this.traits.wantsArgumentsObject) return text;
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }

  /** Tools in the first system message, or in one of their own. */
  #withTools(
    messages: readonly RenderedMessage[],
    tools: readonly unknown[],
  ): readonly RenderedMessage[] {
    if (tools.length === 0) return messages;
    const prompt = toolPrompt(tools, this.traits.callForm);
    const [first, ...others] = messages;
    if (first?.role !== 'system') return [{ role: 'system', content: prompt }, ...messages];
    const content = first.content === null ? prompt : `${first.content}\n\n${prompt}`;
    return [{ ...first, content }, ...others];
  }

  #renderTemplate(variables: Record<string, unknown>): string {
    try {
      return this.#template.render(this.#withTokens(variables));
    } catch (error) {
      throw new EtapError(
        'ETAP_ERR_INVALID_REQUEST',
        `the model's chat template refused this conversation: ${messageOf(error)}`,
        'messages',
      );
    }
  }

  #withTokens(variables: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const { bosToken, eosToken } = this.#tokens;
    return { ...variables, bos_token: bosToken, eos_token: eosToken };
  }
}

/** A message on its way into the template: arguments of calls may be objects. */
type RenderedMessage = Omit<ChatMessage, 'tool_calls'> & { readonly tool_calls?: unknown };

/** The content of the assistant may hold thinking, which templates find by its markers. */
function protectMessage(message: RenderedMessage, protect: Protect): RenderedMessage {
  const { content, ...others } = message;
  const ownThinking = message.role === 'assistant';
  return {
    ...protectStrings(others, (text) => protect(text, { ownThinking: false })),
    content: content === null ? null : protect(content, { ownThinking }),
  };
}

/** The rendered text up to the end of the last message, so that the model goes on with it. */
function cutAfterFinalMessage(rendered: string, content: string): string {
  // Templates may trim the message: white space at its end stays only where they keep it.
  const trimmed = content.trim();
  const kept = rendered.includes(content) ? content : trimmed;
  const start = trimmed === '' ? -1 : rendered.lastIndexOf(kept);
  if (start < 0) {
    throw new EtapError(
      'ETAP_ERR_INVALID_REQUEST',
      'continue_final_message: the last message has no text that the template renders; ' +
        'give it content, or leave the option out',
      'continue_final_message',
    );
  }
  return rendered.slice(0, start + kept.length);
}

/** A copy of a JSON-like value with every string in it, keys included, passed through `change`. */
function protectStrings<T>(value: T, change: (text: string) => string): T;
function protectStrings(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => protectStrings(item, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [change(key), protectStrings(item, change)]),
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
