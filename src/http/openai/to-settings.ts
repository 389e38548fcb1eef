/** What both completion routes ask beside their prompts, checked against model and limits. */
import { type Static, Type } from 'typebox';
import type { Config, LimitsConfig } from '../../config/index.ts';
import { EtapError } from '../../errors.ts';
import type { Caller } from '../../keys/index.ts';
import type { TextModel } from '../../text/index.ts';
import type { GenerationRequest, Prompt } from '../generation-request.ts';
import { LOGPROB_ENTRIES_MAX, SEQUENCES_PER_REQUEST_MAX } from '../limits.ts';
import type { MessageRules } from '../message-parts.ts';
import { checkAtMost, invalidField } from './invalid.ts';
import {
  grammarFields,
  PRIORITY_DEFAULT,
  requestFields,
  samplingFields,
  stopFields,
} from './shared-fields.ts';
import { toGrammar } from './to-grammar.ts';
import { checkTokenIds, type ModelFacts, toSampling } from './to-sampling.ts';
import { toStopStrings } from './to-stop.ts';

export type RequestContext = {
  readonly facts: ModelFacts;
  readonly limits: LimitsConfig;
  readonly cacheScope: Config['engine']['prefixCache'];
  readonly text: TextModel;
  readonly modelName: string;
  readonly caller: Caller;
};

const SharedBody = Type.Object({
  ...samplingFields,
  ...stopFields,
  ...grammarFields,
  ...requestFields,
});
type SharedBody = Static<typeof SharedBody>;

/** What the two routes spell differently. */
export type Asked = {
  readonly topLogprobs: number | null;
  readonly promptLogprobs: number | null;
  /** Null where the client leaves it to the server. */
  readonly maxTokens: number | null;
  readonly promptCount: number;
  /** The field that a client changes to ask for fewer log-probabilities. */
  readonly logprobsField: 'logprobs' | 'top_logprobs';
};

export type Settings = Omit<GenerationRequest, 'prompts' | 'message'>;

/** Throws EtapError ETAP_ERR_INVALID_REQUEST. */
export function toSettings(body: SharedBody, asked: Asked, context: RequestContext): Settings {
  const { facts, limits, text, caller } = context;
  checkStreamFields(body);
  const completionsPerPrompt = body.n ?? 1;
  checkBestOf(body.best_of ?? completionsPerPrompt, completionsPerPrompt);
  checkCounts(completionsPerPrompt, asked, limits);
  const { topLogprobs, promptLogprobs } = asked;
  const named = checkTokenIds('stop_token_ids', body.stop_token_ids ?? [], facts);
  const endOfSequence = body.ignore_eos === true ? [] : text.eosTokenIds;
  return {
    completionsPerPrompt,
    sampling: toSampling(
      body,
      { topLogprobs, promptLogprobs },
      { facts, limits, defaults: text.defaults },
    ),
    minTokens: checkedMinTokens(body.min_tokens ?? 0, asked.maxTokens),
    stopTokenIds: [...new Set([...endOfSequence, ...named])],
    namedStopTokenIds: new Set(named),
    stopStrings: toStopStrings(body.stop, limits),
    includeStop: body.include_stop_str_in_output ?? false,
    skipSpecial: body.skip_special_tokens ?? true,
    prefillOnly: false,
    wantsTokens: topLogprobs !== null || body.return_token_ids === true,
    priority: priorityOf(body.priority ?? null, caller),
    tenant: caller.tenant,
    account: caller.account,
    cacheSalt: cacheNamespace(context.cacheScope, caller.tenant, body.cache_salt ?? ''),
    grammar: toGrammar(body),
  };
}

/** A key's class is the best that its requests get; they may ask for a later one. */
function priorityOf(asked: number | null, { priority }: Caller): number {
  if (priority === null) return asked ?? PRIORITY_DEFAULT;
  return Math.max(priority, asked ?? priority);
}

/** Joins the two halves once the prompts are tokens, and checks what only then is known. */
export function toRequest(
  settings: Settings,
  prompts: readonly Prompt[],
  { logprobsField }: Asked,
  message: MessageRules | null,
): GenerationRequest {
  for (const { tokens, maxTokens } of prompts) {
    if (tokens.length === 0) {
      throw new EtapError('ETAP_ERR_INVALID_REQUEST', 'the prompt has no tokens; send some text');
    }
    checkedMinTokens(settings.minTokens, maxTokens);
  }
  const { promptLogprobs } = settings.sampling;
  if (promptLogprobs !== null) {
    const tokens = prompts.reduce((sum, prompt) => sum + prompt.tokens.length, 0);
    checkLogprobEntries(
      tokens * settings.completionsPerPrompt * (promptLogprobs + 1),
      logprobsField,
    );
  }
  return { ...settings, prompts, message };
}

function checkStreamFields(body: SharedBody): void {
  if (body.stream === true) {
    if (body.prompt_logprobs == null) return;
    throw invalidField('prompt_logprobs', 'allowed only without stream');
  }
  if (body.stream_options != null) {
    throw invalidField('stream_options', 'allowed only where stream is true');
  }
}

function checkBestOf(found: number, n: number): void {
  if (found !== n) throw invalidField('best_of', `found ${found}, allowed is the value of n, ${n}`);
}

function checkCounts(n: number, asked: Asked, limits: LimitsConfig): void {
  const { promptCount, maxTokens, topLogprobs, promptLogprobs, logprobsField } = asked;
  checkAtMost('n', n, limits.completionsPerPrompt);
  checkAtMost('prompt', promptCount, limits.promptsPerRequest, 'prompts');
  const sequences = promptCount * n;
  checkAtMost('n', sequences, SEQUENCES_PER_REQUEST_MAX, 'prompts times n');
  checkAtMost(logprobsField, topLogprobs ?? 0, limits.topLogprobs);
  checkAtMost('prompt_logprobs', promptLogprobs ?? 0, limits.topLogprobs);
  if (topLogprobs !== null && maxTokens !== null) {
    checkLogprobEntries(sequences * maxTokens * (topLogprobs + 1), logprobsField);
  }
}

function checkLogprobEntries(entries: number, param: string): void {
  if (entries <= LOGPROB_ENTRIES_MAX) return;
  throw invalidField(
    param,
    `this request may yield ${entries} log-probabilities, allowed are at most ` +
      `${LOGPROB_ENTRIES_MAX}; ask for fewer of them, or for fewer tokens`,
  );
}

function checkedMinTokens(minTokens: number, maxTokens: number | null): number {
  if (maxTokens === null || minTokens <= maxTokens) return minTokens;
  throw invalidField(
    'min_tokens',
    `found ${minTokens}, allowed is at most the number of completion tokens, ${maxTokens}`,
  );
}

/**
 * The prefix cache's namespace. The tenant comes from the key, so that a client can only divide its
 * own; lengths in front keep two pairs from ever spelling the same name.
 */
export function cacheNamespace(
  scope: RequestContext['cacheScope'],
  tenant: string,
  salt: string,
): string {
  const owner = scope === 'tenant' ? tenant : '';
  return owner === '' && salt === '' ? '' : `${owner.length}:${owner}:${salt}`;
}
