/** One API call after validation: what every wire format is translated into. */
import type { GenerateCommand } from '../engine/index.ts';
import type { GrammarSpec } from '../grammar/index.ts';
import type { Account } from '../keys/index.ts';
import type { SamplingParams } from '../sampling-params.ts';
import type { MessageRules } from './message-parts.ts';

export type Prompt = {
  readonly tokens: Int32Array;
  /** The prompt as it is echoed; null where the call does not echo. */
  readonly echoText: string | null;
  /** Leading tokens that the echoed text does not show: the beginning-of-sequence token. */
  readonly hiddenTokenCount: number;
  /** Most completion tokens; 0 asks for the prompt's log-probabilities alone. */
  readonly maxTokens: number;
};

export type GenerationRequest = {
  readonly prompts: readonly Prompt[];
  readonly completionsPerPrompt: number;
  /** Of the first choice; the k-th choice of each prompt draws with `seed + k`. */
  readonly sampling: SamplingParams;
  readonly minTokens: number;
  /** Ids that end a completion, end-of-sequence ids included unless they are ignored. */
  readonly stopTokenIds: readonly number[];
  /** Those of them that the client named, which `stop_reason` reports. */
  readonly namedStopTokenIds: ReadonlySet<number>;
  readonly stopStrings: readonly string[];
  readonly includeStop: boolean;
  readonly skipSpecial: boolean;
  /** How the text is read as a message; null leaves it raw, as /v1/completions has it. */
  readonly message: MessageRules | null;
  /** The wire format shows single tokens: log-probabilities or ids. */
  readonly wantsTokens: boolean;
  /** Only compute the prompt, for the prefix cache: its sequences end without a token. */
  readonly prefillOnly: boolean;
  readonly priority: number;
  readonly tenant: string;
  /** Pays for the tokens. */
  readonly account: Account;
  readonly cacheSalt: string;
  /** What the text of every completion must be; null for any text. */
  readonly grammar: GrammarSpec | null;
};

/** Sequences of a request in the order of their indices: all choices of a prompt, then the next. */
export const sequenceCount = (request: GenerationRequest): number =>
  request.prompts.length * request.completionsPerPrompt;

/** Tokens of all prompts, each counted once. */
export const promptTokenCount = ({ prompts }: GenerationRequest): number =>
  prompts.reduce((sum, { tokens }) => sum + tokens.length, 0);

export const promptOf = (request: GenerationRequest, index: number): Prompt => {
  const prompt = request.prompts[Math.floor(index / request.completionsPerPrompt)];
  if (prompt === undefined) throw new RangeError(`no sequence ${index}`);
  return prompt;
};

/** What the engine is asked for sequence `index`. */
export function commandOf(request: GenerationRequest, index: number): GenerateCommand {
  const prompt = promptOf(request, index);
  const choice = index % request.completionsPerPrompt;
  return {
    promptTokens: prompt.tokens,
    sampling: { ...request.sampling, seed: seedOfChoice(request.sampling.seed, choice) },
    maxTokens: Math.max(1, prompt.maxTokens),
    minTokens: request.minTokens,
    stopTokenIds: request.stopTokenIds,
    priority: request.priority,
    tenant: request.tenant,
    cacheSalt: request.cacheSalt,
    grammar: request.grammar,
  };
}

/** Stays a safe integer: the seeds go round at the end of their range. */
function seedOfChoice(seed: number, choice: number): number {
  const beyond = seed + choice - Number.MAX_SAFE_INTEGER;
  return beyond > 0 ? Number.MIN_SAFE_INTEGER + beyond - 1 : seed + choice;
}
