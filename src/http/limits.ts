/** Limits of the wire that are not settings; those that are stand in the `limits` section. */

/** Headers of one request. */
export const HEADERS_MAX = 64;

/** Characters of an identifier that a client chooses: request ids and cache salts. */
export const CLIENT_ID_LENGTH_MAX = 256;

/** Entries of `stop_token_ids`. */
export const STOP_TOKEN_IDS_MAX = 256;

/** Parts of one message's content. */
export const CONTENT_PARTS_MAX = 1024;

/** Earlier tool calls in one message. */
export const MESSAGE_TOOL_CALLS_MAX = 256;

/** Log-probability entries that one request may ask for, over all its tokens. */
export const LOGPROB_ENTRIES_MAX = 1 << 18;

/** Sequences of one request: prompts times completions of each. */
export const SEQUENCES_PER_REQUEST_MAX = 64;

/** Requests open at a time for each sequence that the queue takes: some wait for the tokenizer. */
export const OPEN_REQUESTS_PER_QUEUE_SLOT = 2;

/** Characters of a path segment. */
export const PATH_PARAMETER_LENGTH_MAX = 512;
