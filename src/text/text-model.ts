/** What the HTTP side may ask about text: tokens, templates, detokenizing. Implemented in this folder. */

/** A chat message after validation: content already flattened to a string. */
export type ChatMessage = {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string | null;
  readonly name?: string;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly {
    readonly id?: string;
    readonly type: 'function';
    /** Arguments as JSON text; templates that want an object get it parsed. */
    readonly function: { readonly name: string; readonly arguments: string };
  }[];
  readonly tool_call_id?: string;
};

export type RenderOptions = {
  readonly addGenerationPrompt: boolean;
  /** The last message is an unfinished assistant turn to be continued. */
  readonly continueFinalMessage: boolean;
  /** In OpenAI form. Templates that do not list them get them in a system message. */
  readonly tools: readonly unknown[] | null;
  /** Thinking on or off; null leaves it to the template. */
  readonly thinking: boolean | null;
  /** Extra template variables. */
  readonly kwargs: Readonly<Record<string, unknown>>;
};

export type RenderedPrompt = {
  /** The prompt as text. */
  readonly text: string;
  /** The prompt ends inside thinking: what the model writes first is no answer yet. */
  readonly endsInThinking: boolean;
  readonly tokens: Int32Array;
};

export interface Tokenizer {
  /** Ids are in [0, vocabSize); the model's logits may be wider (padding). */
  readonly vocabSize: number;
  readonly bosTokenId: number | null;
  /**
   * Plain text to ids. `parseSpecial` lets added tokens in the text become their ids (off for
   * anything a user wrote in a chat); `addBos` prepends BOS as the model's tokenizer_config says.
   */
  encode(
    text: string,
    options: { readonly addBos: boolean; readonly parseSpecial: boolean },
  ): Promise<Int32Array>;
  /** Exact bytes a token stands for; empty for ids without a token. */
  tokenBytes(id: number): Uint8Array;
  /** The token as it is shown in log-probabilities (invalid UTF-8 becomes U+FFFD). */
  tokenText(id: number): string;
  isSpecial(id: number): boolean;
  decode(ids: ArrayLike<number>, options: { readonly skipSpecial: boolean }): string;
}

/** Turns one sequence's ids into text as they come; holds back bytes that may become a character. */
export interface Detokenizer {
  /** Text that became certain with this token; often ''. */
  push(id: number): string;
  /** What is left at the end; invalid bytes become U+FFFD. */
  flush(): string;
}

/** Sampling defaults of generation_config.json; undefined where it says nothing. */
export type GenerationDefaults = {
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly repetitionPenalty?: number;
};

export interface TextModel {
  readonly tokenizer: Tokenizer;
  /** End-of-sequence ids of generation_config.json, config.json and the tokenizer, without doubles. */
  readonly eosTokenIds: readonly number[];
  readonly defaults: GenerationDefaults;
  readonly hasChatTemplate: boolean;
  /** How the model writes tool calls: V3 and R1 with a kind and a fence, V3.1 with neither. */
  readonly callForm: 'v3' | 'v3.1';
  /** Ids of those markers of tool calls that are one token each. */
  readonly markerIds: Readonly<Record<string, number>>;
  /**
   * Renders a conversation with the model's own template. User-written text never becomes special
   * tokens. Throws EtapError ETAP_ERR_INVALID_REQUEST when there is no template or it refuses.
   */
  renderChat(messages: readonly ChatMessage[], options: RenderOptions): Promise<RenderedPrompt>;
  createDetokenizer(options: { readonly skipSpecial: boolean }): Detokenizer;
}
