/** Bodies of the completion routes as generation requests. */
import { EtapError } from '../../errors.ts';
import type { GrammarSpec } from '../../grammar/index.ts';

import {
  type RenderedPrompt,
  type RenderOptions,
  type TextModel,
  THINK_END,
} from '../../text/index.ts';

import type { GenerationRequest } from '../generation-request.ts';
import { invalidField } from './invalid.ts';
import { toShownReasoning } from './reasoning.ts';
import { toRenderOptions } from './render-options.ts';
import { ChatBody, CompletionBody } from './schemas.ts';
import { toMessages } from './to-messages.ts';
import { encodePrompts, promptSources } from './to-prompts.ts';
import type { ModelFacts } from './to-sampling.ts';
import { type Asked, type RequestContext, toRequest, toSettings } from './to-settings.ts';
import { callsAllowed, toTools } from './to-tools.ts';
import { toToolGrammar } from './tool-grammar.ts';
import { refusedFields, refuseUnsupported } from './unsupported.ts';

/** Default of `max_tokens` on /v1/completions, as OpenAI has it. */
const COMPLETION_TOKENS_DEFAULT = 16;

const CHAT_REFUSED = refusedFields(ChatBody);
const COMPLETION_REFUSED = refusedFields(CompletionBody);

/** Throws EtapError; nothing was tokenized if the fault is in a field. */
export async function completionToRequest(
  body: CompletionBody,
  context: RequestContext,
): Promise<GenerationRequest> {
  checkModel(body.model, context.modelName);
  refuseUnsupported(body, COMPLETION_REFUSED);
  checkCompletionFields(body);
  const sources = promptSources(body.prompt, context.facts);
  const asked: Asked = {
    topLogprobs: body.logprobs ?? null,
    promptLogprobs: promptLogprobsOf(body),
    maxTokens: body.max_tokens ?? null,
    promptCount: sources.length,
    logprobsField: 'logprobs',
  };
  const settings = toSettings(body, asked, context);
  const encoded = await encodePrompts(sources, {
    ...context,
    addBos: body.add_special_tokens ?? true,
    truncateTo: body.truncate_prompt_tokens ?? null,
    echo: body.echo === true ? settings : null,
  });
  const prompts = encoded.map((prompt) => {
    const room = roomAfter(prompt.tokens, body.max_tokens ?? 1, context.facts);
    return { ...prompt, maxTokens: body.max_tokens ?? Math.min(COMPLETION_TOKENS_DEFAULT, room) };
  });
  return toRequest(settings, prompts, asked, null);
}

/** Throws EtapError; nothing was tokenized if the fault is in a field. */
export async function chatToRequest(
  body: ChatBody,
  context: RequestContext,
): Promise<GenerationRequest> {
  checkModel(body.model, context.modelName);
  refuseUnsupported(body, CHAT_REFUSED);
  if (body.top_logprobs != null && body.logprobs !== true) {
    throw invalidField('top_logprobs', 'allowed only where logprobs is true');
  }
  const asked: Asked = {
    topLogprobs: body.logprobs === true ? (body.top_logprobs ?? 0) : null,
    promptLogprobs: body.prompt_logprobs ?? null,
    maxTokens: body.max_completion_tokens ?? body.max_tokens ?? null,
    promptCount: 1,
    logprobsField: 'top_logprobs',
  };
  const settings = toSettings(body, asked, context);
  const options = toRenderOptions(body);
  const { tokens, endsInThinking } = await renderPrompt(body, options, context);
  const room = roomAfter(tokens, asked.maxTokens ?? 1, context.facts);
  const prompt = { tokens, echoText: null, hiddenTokenCount: 0 };
  const prompts = [{ ...prompt, maxTokens: asked.maxTokens ?? room }];
  const grammar = await chatGrammar(body, settings.grammar, context.text);
  const enforced = endsInThinking ? await afterThinking(grammar, context.text) : grammar;
  return toRequest({ ...settings, grammar: enforced }, prompts, asked, {
    startsThinking: endsInThinking,
    reasoning: toShownReasoning(body),
    toolCalls: callsAllowed(options.tools, body),
  });
}

/** Throws EtapError ETAP_ERR_MODEL_NOT_FOUND. */
export function checkModel(model: string | null | undefined, modelName: string): void {
  if (model === undefined || model === null || model === modelName) return;
  throw new EtapError(
    'ETAP_ERR_MODEL_NOT_FOUND',
    `model: this server has no such model; it serves ${modelName}`,
    'model',
  );
}

function checkCompletionFields({ max_tokens: maxTokens, echo }: CompletionBody) {
  if (maxTokens === 0 && echo !== true) {
    throw invalidField('max_tokens', 'found 0, allowed is 0 only with echo; ask for at least 1');
  }
}

/** An echoed prompt has the same log-probabilities as the completion that follows it. */
function promptLogprobsOf({ echo, logprobs, prompt_logprobs: asked }: CompletionBody) {
  if (echo !== true || logprobs == null) return asked ?? null;
  return Math.max(logprobs, asked ?? 0);
}

async function renderPrompt(
  body: ChatBody,
  options: RenderOptions,
  { text, limits }: RequestContext,
): Promise<RenderedPrompt> {
  const rendered = await text.renderChat(toMessages(body.messages, limits), options);
  const { bosTokenId } = text.tokenizer;
  const tokens =
    body.add_special_tokens === true && bosTokenId !== null
      ? withFirst(bosTokenId, rendered.tokens)
      : rendered.tokens;
  const keep = body.truncate_prompt_tokens ?? tokens.length;
  return { ...rendered, tokens: tokens.slice(-keep) };
}

/** That of the form of the answer, or that of its tool calls. */
async function chatGrammar(
  body: ChatBody,
  ofText: GrammarSpec | null,
  text: TextModel,
): Promise<GrammarSpec | null> {
  const tools = toTools(body);
  const single = body.parallel_tool_calls === false;
  const ofTools = await toToolGrammar({ tools, choice: body.tool_choice ?? null, single }, text);
  if (ofText === null || tools === null) return ofText ?? ofTools;
  throw new EtapError(
    'ETAP_ERR_NOT_SUPPORTED',
    'tools: not supported together with a form of the answer; send tools or response_format, or ' +
      'set tool_choice to none',
    'tools',
  );
}

/** What is thought is free; the grammar begins with the answer. */
async function afterThinking(
  grammar: GrammarSpec | null,
  { tokenizer }: TextModel,
): Promise<GrammarSpec | null> {
  if (grammar === null || grammar.startAfter !== null) return grammar;
  const tokens = await tokenizer.encode(THINK_END, { addBos: false, parseSpecial: true });
  return { ...grammar, startAfter: { tokens: [...tokens], mayEnd: false } };
}

/** `tokens` with one more in front. */
export function withFirst(token: number, tokens: Int32Array): Int32Array {
  const longer = new Int32Array(tokens.length + 1);
  longer[0] = token;
  longer.set(tokens, 1);
  return longer;
}

/** Tokens that the context leaves after a prompt. Throws EtapError ETAP_ERR_CONTEXT_LENGTH. */
function roomAfter(tokens: Int32Array, needed: number, { maxModelLen }: ModelFacts): number {
  const room = maxModelLen - tokens.length;
  if (needed <= room) return room;
  throw new EtapError(
    'ETAP_ERR_CONTEXT_LENGTH',
    `the context of this model is ${maxModelLen} tokens; the prompt has ${tokens.length} and ` +
      `${needed} more were asked for; shorten one of them`,
  );
}
