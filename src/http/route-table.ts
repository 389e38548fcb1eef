/** Every route of the server in words: docs/api.md and /openapi.json are made from it. */
import type { TSchema } from 'typebox';
import {
  AbortBody,
  ChatBody,
  CompletionBody,
  DetokenizeBody,
  TemplateBody,
  TokenizeBody,
} from './openai/index.ts';
import { ResponsesBody } from './responses/index.ts';

export type RouteRow = {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** As Fastify has it. */
  readonly path: string;
  readonly summary: string;
  /** Section of the API in /openapi.json. */
  readonly tag: 'Generation' | 'Responses' | 'Models' | 'Text' | 'Requests' | 'Operations';
  /** The schema that validates the body. */
  readonly body?: TSchema;
  /** Type of the answer; JSON when absent. */
  readonly answer?: 'text/plain' | 'text/event-stream';
  /** JSON, or server-sent events where the body says `"stream": true`. */
  readonly streams?: boolean;
  /** Asks for no key. */
  readonly open?: boolean;
  /** The answer is a WebSocket. */
  readonly upgrades?: boolean;
};

export const ROUTES: readonly RouteRow[] = [
  {
    method: 'POST',
    path: '/v1/completions',
    summary: 'Complete prompts; JSON or server-sent events.',
    tag: 'Generation',
    body: CompletionBody,
    streams: true,
  },
  {
    method: 'POST',
    path: '/v1/chat/completions',
    summary: 'Answer a conversation; JSON or server-sent events.',
    tag: 'Generation',
    body: ChatBody,
    streams: true,
  },
  {
    method: 'GET',
    path: '/v1/completions',
    summary: 'A WebSocket that streams completions: docs/websocket.md.',
    tag: 'Generation',
    upgrades: true,
  },
  {
    method: 'GET',
    path: '/v1/chat/completions',
    summary: 'A WebSocket that streams chats: docs/websocket.md.',
    tag: 'Generation',
    upgrades: true,
  },
  {
    method: 'POST',
    path: '/v1/responses',
    summary: 'Make a response; JSON or server-sent events: docs/responses.md.',
    tag: 'Generation',
    body: ResponsesBody,
    streams: true,
  },
  {
    method: 'GET',
    path: '/v1/responses',
    summary: 'A WebSocket that makes responses: docs/websocket.md.',
    tag: 'Generation',
    upgrades: true,
  },
  {
    method: 'GET',
    path: '/v1/responses/:id',
    summary: 'A response that is being made, or is stored.',
    tag: 'Responses',
  },
  {
    method: 'DELETE',
    path: '/v1/responses/:id',
    summary: 'Forget a response; one that is being made is cancelled.',
    tag: 'Responses',
  },
  {
    method: 'POST',
    path: '/v1/responses/:id/cancel',
    summary: 'End a response that is being made.',
    tag: 'Responses',
  },
  {
    method: 'GET',
    path: '/v1/responses/:id/input_items',
    summary: 'The conversation in front of a stored response.',
    tag: 'Responses',
  },
  {
    method: 'GET',
    path: '/v1/models',
    summary: 'The served model with its `max_model_len`; 503 until it serves.',
    tag: 'Models',
  },
  {
    method: 'GET',
    path: '/v1/models/*',
    summary: 'The same for one name; slashes in names may stay as they are.',
    tag: 'Models',
  },
  {
    method: 'POST',
    path: '/tokenize',
    summary: 'Text or a conversation as token ids.',
    tag: 'Text',
    body: TokenizeBody,
  },
  {
    method: 'POST',
    path: '/detokenize',
    summary: 'Token ids as text.',
    tag: 'Text',
    body: DetokenizeBody,
  },
  {
    method: 'POST',
    path: '/apply-template',
    summary: 'A conversation as the prompt that the model sees.',
    tag: 'Text',
    body: TemplateBody,
  },
  {
    method: 'POST',
    path: '/abort_request',
    summary: 'End a request by name; it gets the error `request_aborted`.',
    tag: 'Requests',
    body: AbortBody,
  },
  {
    method: 'POST',
    path: '/flush_cache',
    summary: 'Forget cached prompts, of all tenants. Needs a key with the scope `admin`.',
    tag: 'Operations',
  },
  {
    method: 'POST',
    path: '/reset_prefix_cache',
    summary: 'The same, under its vLLM name.',
    tag: 'Operations',
  },
  {
    method: 'GET',
    path: '/health',
    summary: 'Ready to serve: 200 or 503. No key needed.',
    tag: 'Operations',
    open: true,
  },
  {
    method: 'GET',
    path: '/health/ready',
    summary: 'The same.',
    tag: 'Operations',
    open: true,
  },
  { method: 'GET', path: '/ready', summary: 'The same.', tag: 'Operations', open: true },
  {
    method: 'GET',
    path: '/health/live',
    summary: 'The process lives, whatever the engine does; 503 when no restart is left.',
    tag: 'Operations',
    open: true,
  },
  { method: 'GET', path: '/live', summary: 'The same.', tag: 'Operations', open: true },
  {
    method: 'GET',
    path: '/metrics',
    summary: 'Prometheus text, see docs/metrics.md. `metrics.auth: none` asks no key.',
    tag: 'Operations',
    answer: 'text/plain',
  },
  {
    method: 'GET',
    path: '/load',
    summary: 'Open requests, running and waiting sequences.',
    tag: 'Operations',
  },
  {
    method: 'GET',
    path: '/v1/etap/live',
    summary: 'What the engine does, as server-sent events, see docs/playground.md.',
    tag: 'Operations',
    answer: 'text/event-stream',
  },
  {
    method: 'GET',
    path: '/version',
    summary: 'Version, model and kernels.',
    tag: 'Operations',
  },
  {
    method: 'GET',
    path: '/openapi.json',
    summary: 'This API as an OpenAPI 3.1 document; `/docs` shows it in a browser. No key needed.',
    tag: 'Operations',
    open: true,
  },
];
