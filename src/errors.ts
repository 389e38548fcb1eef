/** The coded error table: every error a client or an operator can meet has one row here. */

/** OpenAI error `type` of a row. */
export type ErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'permission_error'
  | 'rate_limit_error'
  | 'server_error';

type ErrorRow = {
  /** HTTP status, or 0 for errors that are only met at start-up. */
  readonly status: number;
  readonly type: ErrorType;
  /** OpenAI error `code`: a slug clients match on; codes are never reused. */
  readonly slug: string | null;
};

const row = (status: number, type: ErrorType, slug: string | null): ErrorRow => ({
  status,
  type,
  slug,
});

/** Codes are documented in docs/errors.md; a test compares the two. */
export const ERROR_TABLE = {
  ETAP_ERR_INVALID_REQUEST: row(400, 'invalid_request_error', null),
  ETAP_ERR_PREVIOUS_RESPONSE: row(400, 'invalid_request_error', 'previous_response_not_found'),
  ETAP_ERR_INVALID_STREAM_ID: row(400, 'invalid_request_error', 'invalid_stream_id'),
  ETAP_ERR_STREAM_LIMIT: row(400, 'invalid_request_error', 'websocket_stream_limit_reached'),
  ETAP_ERR_CONNECTION_AGE: row(400, 'invalid_request_error', 'websocket_connection_limit_reached'),
  ETAP_ERR_NOT_SUPPORTED: row(400, 'invalid_request_error', 'unsupported_parameter'),
  ETAP_ERR_GRAMMAR: row(400, 'invalid_request_error', 'invalid_grammar'),
  ETAP_ERR_GRAMMAR_UNSUPPORTED: row(400, 'invalid_request_error', 'unsupported_grammar'),
  ETAP_ERR_GRAMMAR_STOPPED: row(500, 'server_error', 'grammar_stopped'),
  ETAP_ERR_CONTEXT_LENGTH: row(400, 'invalid_request_error', 'context_length_exceeded'),
  ETAP_ERR_MODEL_NOT_FOUND: row(404, 'invalid_request_error', 'model_not_found'),
  ETAP_ERR_RESPONSE_NOT_FOUND: row(404, 'invalid_request_error', 'response_not_found'),
  ETAP_ERR_ROUTE_NOT_FOUND: row(404, 'invalid_request_error', 'not_found'),
  ETAP_ERR_METHOD_NOT_ALLOWED: row(405, 'invalid_request_error', 'method_not_allowed'),
  ETAP_ERR_REQUEST_TIMEOUT: row(408, 'invalid_request_error', 'request_timeout'),
  ETAP_ERR_ABORTED: row(409, 'invalid_request_error', 'request_aborted'),
  ETAP_ERR_BODY_TOO_LARGE: row(413, 'invalid_request_error', 'body_too_large'),
  ETAP_ERR_MEDIA_TYPE: row(415, 'invalid_request_error', 'unsupported_media_type'),
  ETAP_ERR_UPGRADE_REQUIRED: row(426, 'invalid_request_error', 'upgrade_required'),
  ETAP_ERR_HEADERS_TOO_LARGE: row(431, 'invalid_request_error', 'headers_too_large'),
  ETAP_ERR_UNAUTHORIZED: row(401, 'authentication_error', 'invalid_api_key'),
  ETAP_ERR_FORBIDDEN: row(403, 'permission_error', 'insufficient_scope'),
  ETAP_ERR_RATE_LIMIT: row(429, 'rate_limit_error', 'rate_limit_exceeded'),
  ETAP_ERR_ORIGIN: row(403, 'permission_error', 'origin_not_allowed'),
  ETAP_ERR_QUEUE_FULL: row(429, 'rate_limit_error', 'rate_limit_exceeded'),
  ETAP_ERR_INTERNAL: row(500, 'server_error', 'server_error'),
  ETAP_ERR_ENGINE_LOST: row(500, 'server_error', 'engine_lost'),
  ETAP_ERR_ENGINE_NOT_READY: row(503, 'server_error', 'engine_not_ready'),
  ETAP_ERR_SHUTTING_DOWN: row(503, 'server_error', 'server_shutting_down'),
  ETAP_ERR_NAN_LOGITS: row(500, 'server_error', 'nan_logits'),
  ETAP_ERR_STEP_FAILED: row(500, 'server_error', 'step_failed'),
  ETAP_ERR_UNSCHEDULABLE: row(400, 'invalid_request_error', 'context_length_exceeded'),
  ETAP_ERR_CONFIG: row(0, 'server_error', null),
  ETAP_ERR_CHECKPOINT: row(0, 'server_error', null),
  ETAP_ERR_MODEL_CONFIG: row(0, 'server_error', null),
  ETAP_ERR_TENSOR: row(0, 'server_error', null),
  ETAP_ERR_TOKENIZER: row(0, 'server_error', null),
  ETAP_ERR_ADDON: row(0, 'server_error', null),
  ETAP_ERR_OUT_OF_MEMORY: row(0, 'server_error', null),
  ETAP_ERR_THREADS: row(0, 'server_error', null),
  ETAP_ERR_CUDA_NOT_BUILT: row(0, 'server_error', null),
  ETAP_ERR_CUDA_LIBRARY: row(0, 'server_error', null),
  ETAP_ERR_CUDA_UNAVAILABLE: row(0, 'server_error', null),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERROR_TABLE;

/** An operating error: what happened, the value found, what is allowed, what to do. */
export class EtapError extends Error {
  readonly code: ErrorCode;
  /** The request field at fault, for invalid requests. */
  readonly param: string | null;
  /** When trying again makes sense; Infinity: never; null: the status alone tells. */
  readonly retryAfterMs: number | null;

  constructor(
    code: ErrorCode,
    message: string,
    param: string | null = null,
    options: { readonly retryAfterMs?: number } = {},
  ) {
    super(message);
    this.name = 'EtapError';
    this.code = code;
    this.param = param;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }

  get status(): number {
    return ERROR_TABLE[this.code].status;
  }

  get type(): ErrorType {
    return ERROR_TABLE[this.code].type;
  }

  get slug(): string | null {
    return ERROR_TABLE[this.code].slug;
  }
}
