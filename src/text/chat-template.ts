/** Renders conversations with the model's own Jinja template, as Hugging Face does. */
import { Template } from '@huggingface/jinja';
import { EtapError } from '../errors.ts';
import type { ChatMessage, RenderOptions } from './text-model.ts';

/** Template variables that a request may not replace. */
const RESERVED = new Set(['messages', 'tools', 'add_generation_prompt', 'bos_token', 'eos_token']);

export type TemplateTokens = { readonly bosToken: string; readonly eosToken: string };

/** Applied to every user-written string before it is rendered. */
export type Protect = (text: string, role: ChatMessage['role'] | null) => string;

export class ChatTemplate {
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
  }

  /** Throws EtapError ETAP_ERR_INVALID_REQUEST when the template refuses the conversation. */
  render(messages: readonly ChatMessage[], options: RenderOptions, protect: Protect): string {
    const protectedMessages = messages.map((message) =>
      protectStrings(message, (text) => protect(text, message.role)),
    );
    const plain = (text: string) => protect(text, null);
    const kwargs = Object.entries(options.kwargs).filter(([name]) => !RESERVED.has(name));
    const rendered = this.#renderTemplate({
      ...protectStrings(Object.fromEntries(kwargs), plain),
      messages: protectedMessages,
      tools: options.tools === null ? null : protectStrings(options.tools, plain),
      add_generation_prompt: options.addGenerationPrompt,
      bos_token: this.#tokens.bosToken,
      eos_token: this.#tokens.eosToken,
    });
    if (!options.continueFinalMessage) return rendered;
    return cutAfterFinalMessage(rendered, protectedMessages.at(-1)?.content ?? '');
  }

  #renderTemplate(variables: Record<string, unknown>): string {
    try {
      return this.#template.render(variables);
    } catch (error) {
      throw new EtapError(
        'ETAP_ERR_INVALID_REQUEST',
        `the model's chat template refused this conversation: ${messageOf(error)}`,
        'messages',
      );
    }
  }
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
