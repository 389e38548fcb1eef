/** The parts of the wire format that the page uses. */

export type Role = 'system' | 'user' | 'assistant' | 'tool';

export type WireToolCall = {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
};

export type WireMessage = {
  readonly role: Role;
  readonly content: string | null;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly WireToolCall[];
  readonly tool_call_id?: string;
};

export type TokenProbability = { readonly token: string; readonly logprob: number };

export type TokenDetail = TokenProbability & { readonly top_logprobs: readonly TokenProbability[] };

export type Usage = {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly prompt_tokens_details?: { readonly cached_tokens?: number };
};

export type ChatDelta = {
  readonly content?: string | null;
  readonly reasoning_content?: string | null;
  readonly tool_calls?: readonly {
    readonly index: number;
    readonly id?: string;
    readonly function?: { readonly name?: string; readonly arguments?: string };
  }[];
};

export type ChatChunk = {
  readonly choices: readonly {
    readonly delta: ChatDelta;
    readonly finish_reason: string | null;
    readonly logprobs?: { readonly content?: readonly TokenDetail[] | null } | null;
  }[];
  readonly usage?: Usage | null;
  readonly error?: { readonly message: string; readonly code: string | null };
};

export type ModelCard = { readonly id: string; readonly max_model_len?: number };
