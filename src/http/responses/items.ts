/** Items: what conversations are made of, on the wire, in the store and in a connection's memory. */

export type OutputText = {
  readonly type: 'output_text';
  text: string;
  readonly annotations: readonly never[];
  readonly logprobs: object[];
};

export type InputText = { readonly type: 'input_text'; readonly text: string };

export type ReasoningText = { readonly type: 'reasoning_text'; text: string };

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete';

export type MessageItem = {
  readonly id: string;
  readonly type: 'message';
  readonly role: 'user' | 'assistant' | 'system' | 'developer';
  status: ItemStatus;
  readonly content: (OutputText | InputText)[];
};

export type ReasoningItem = {
  readonly id: string;
  readonly type: 'reasoning';
  readonly summary: readonly never[];
  readonly content: ReasoningText[];
  status: ItemStatus;
};

export type FunctionCallItem = {
  readonly id: string;
  readonly type: 'function_call';
  /** What the client names with the call's output. */
  readonly call_id: string;
  readonly name: string;
  /** JSON as the model wrote it. */
  arguments: string;
  status: ItemStatus;
};

export type FunctionOutputItem = {
  readonly id: string;
  readonly type: 'function_call_output';
  readonly call_id: string;
  readonly output: string;
  status: ItemStatus;
};

/** What a model makes. */
export type OutputItem = MessageItem | ReasoningItem | FunctionCallItem;

export type Item = OutputItem | FunctionOutputItem;

/** What a later response goes on from: everything said so far. */
export type Turn = { readonly id: string; readonly items: readonly Item[] };
