/** docs/api.md: the routes, and every field of their bodies as the schemas have it. */
import {
  AbortBody,
  ChatBody,
  CompletionBody,
  DetokenizeBody,
  describeAllowed,
  Message,
  TemplateBody,
  TokenizeBody,
} from '../../src/http/openai/index.ts';
import { ResponsesBody } from '../../src/http/responses/index.ts';
import { ROUTES } from '../../src/http/route-table.ts';

const NOT_OFFERED = [
  ['Realtime (`/v1/realtime`)', 'text is the only modality; docs/websocket.md has the sockets'],
  ['`/v1/embeddings`, `/rerank`', 'the models served here generate text'],
  ['`/v1/files`, `/v1/batches`', 'no files are kept'],
  ['`/infill`, `suffix`', 'no filling in of the middle'],
  ['`/v1/audio/*`, `/v1/images/*`', 'text is the only modality'],
] as const;

type FieldSchema = {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly expected?: string;
  readonly enum?: readonly (string | null)[];
  readonly refused?: boolean;
  readonly ignored?: boolean;
};
type BodySchema = {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly required?: readonly string[] | undefined;
};

/** docs/api.md */
export function renderApiDocument(): string {
  return [
    ...INTRODUCTION,
    '## Routes',
    '',
    '| method | path | what it does |',
    '|---|---|---|',
    ...ROUTES.map(({ method, path, summary }) => `| ${method} | \`${path}\` | ${summary} |`),
    '',
    '`GET /` is the playground (docs/playground.md); its files need no key.',
    '',
    'Not offered (404):',
    '',
    '| what | why |',
    '|---|---|',
    ...NOT_OFFERED.map(([what, why]) => `| ${what} | ${why} |`),
    '',
    ...fieldTable('POST /v1/completions', CompletionBody),
    ...fieldTable('POST /v1/chat/completions', ChatBody),
    ...fieldTable('POST /v1/responses', ResponsesBody),
    ...fieldTable('Messages of a conversation', Message),
    ...fieldTable('POST /tokenize', TokenizeBody),
    ...fieldTable('POST /detokenize', DetokenizeBody),
    ...fieldTable('POST /apply-template', TemplateBody),
    ...fieldTable('POST /abort_request', AbortBody),
    ...ANSWERS,
  ].join('\n');
}

function fieldTable(title: string, { properties, required = [] }: BodySchema): string[] {
  return [
    `## ${title}`,
    '',
    '| field | value | state | meaning |',
    '|---|---|---|---|',
    ...Object.entries(properties).map(([name, field]) => {
      const schema = field as FieldSchema;
      const state = required.includes(name) ? 'required' : stateOf(schema);
      return `| \`${name}\` | ${allowedValue(schema)} | ${state} | ${schema.description ?? ''} |`;
    }),
    '',
  ];
}

function stateOf({ refused, ignored }: FieldSchema): string {
  if (refused === true) return 'refused';
  return ignored === true ? 'accepted' : 'supported';
}

function allowedValue(schema: FieldSchema): string {
  if (schema.enum !== undefined) {
    return schema.enum.flatMap((word) => (word === null ? [] : `\`${word}\``)).join(', ');
  }
  if (schema.expected !== undefined) return schema.expected.replace(/ or null$/, '');
  return schema.type === undefined
    ? ''
    : describeAllowed(schema)
        .replace(/ or null$/, '')
        .replaceAll('|', '\\|');
}

const INTRODUCTION = [
  '# HTTP API',
  '',
  'Made from the schemas in `src/http/openai` and `src/http/responses` by `npm run docs`.',
  '',
  'The API is that of OpenAI, with the further fields that vLLM and SGLang have. Point any client of',
  'theirs at `http://HOST:PORT/v1`:',
  '',
  '```sh',
  'curl http://127.0.0.1:8000/v1/chat/completions -H "content-type: application/json" \\',
  '  -d \'{"messages":[{"role":"user","content":"Hello"}],"stream":true}\'',
  '```',
  '',
  'Rules that hold for every route:',
  '',
  '- Bodies are JSON in UTF-8 with `content-type: application/json`. Fields that are not listed here',
  '  are ignored. A listed field with a bad value is an error that names it. `null` means left out.',
  '- *Refused* fields would change the answer in a way this build cannot; values that change nothing',
  '  are let through. Nothing that was asked for is dropped silently.',
  '- Every error is `{"error":{"message","type","param","code"}}`; docs/errors.md lists the codes.',
  '- Keys go into `authorization: Bearer KEY`. With keys configured, only the health routes need none.',
  '- `x-request-id` is taken over (up to 128 printable characters) or made up, and sent back.',
  '- 429 and 503 carry `retry-after`. Limits are the `limits` section of docs/config.md.',
  '',
];

const ANSWERS = [
  '## Answers',
  '',
  '- `finish_reason` is `stop`, `length` or `tool_calls`; what else ends a request is an error. An',
  '  answer that was cut off has `length`, also inside a call. `stop_reason` names the stop string, or',
  '  the id of `stop_token_ids`, that ended the text; null at the end of sequence.',
  '- `usage` counts a prompt once, however many choices it has. `completion_tokens` includes the stop',
  '  token, and the tokens of a stop string that the text leaves out.',
  '- `token_ids` are all of these tokens; log-probabilities are those of the tokens with a character in',
  '  the text. In a chat, that is the content: thinking, calls and their markers have none.',
  '- `text_offset` counts Unicode characters (code points) from the start of the answer, an echoed',
  '  prompt included. A token that is only part of a character is written `bytes:\\xNN`, and its offset',
  '  is that of the character. Log-probabilities below -9999 are written -9999.',
  '- Content lists are joined with line breaks.',
  '',
  '## Thinking and tool calls',
  '',
  '- Thinking is told apart from the answer, under two names with one text: `reasoning_content` and',
  '  `reasoning`. Both are read in earlier messages too. Where it begins is read off the prompt, so that',
  '  models whose template opens it need not. Without an end marker all of it is thinking.',
  '- `usage.completion_tokens_details.reasoning_tokens` counts the tokens up to the end of thinking,',
  '  markers included, shown or not.',
  '- Of several fields that switch thinking, the one nearest to the template counts:',
  '  `chat_template_kwargs`, `thinking`, `reasoning.enabled`, `reasoning_effort`. Where a template opens',
  '  thinking whatever it is told, off closes it at once.',
  '- Stop strings are looked for in the content alone, not in thinking and not in calls.',
  '- Calls are read in the forms of DeepSeek V3 and R1 and of V3.1. `arguments` are what the model wrote:',
  '  JSON, unless it was cut off or failed. A grammar holds `strict` tools to their schemas, and makes',
  '  the calls of `required` and of a named tool, which makes one; with thinking on, after it. A schema',
  '  that cannot be enforced is an error where the tool is strict, and any object elsewhere.',
  '- A model whose template ignores `tools` is told of them in a system message.',
  '- What is written as a call although no tool was offered is content, without the markers.',
  '- Text of clients never becomes a special token: not in messages, results, tools or thinking.',
  '',
  '## Streams',
  '',
  '- The first event of a chat choice carries the role, the first of an echoed completion the prompt.',
  '  The first of a call has its `id`, `type` and name; those behind it add to its `arguments`.',
  '  Each choice has exactly one event with a `finish_reason`; `data: [DONE]` is last.',
  '- A reader that falls behind gets several tokens in one event; none is lost. One that takes nothing',
  '  for `timeouts.slowReaderMs`, or for which more than `limits.streamBufferBytes` wait, is cut off.',
  '- The status line goes out with the first event, so a failure before it is an ordinary error with',
  '  its status. After it, a failure is one event `data: {"error":{...}}`, followed by `[DONE]`.',
  '- A silent stream gets the comment `: ping` every `timeouts.pingMs`.',
  '- Closing the connection, or half of it, ends the request, streamed or not.',
  '',
];
