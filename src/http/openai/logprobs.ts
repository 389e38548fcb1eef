/** Log-probabilities in the three shapes of the wire. */
import { isUtf8 } from 'node:buffer';
import type { TokenLogprobs } from '../../engine/index.ts';
import { CharacterCounter, characterCount, type Tokenizer } from '../../text/index.ts';
import type { Prompt } from '../generation-request.ts';
import type { TextToken } from '../token-trail.ts';

/** JSON has no infinity; this stands for the logarithm of nothing, as in vLLM. */
const LOGPROB_FLOOR = -9999;

export type LogprobStyle = {
  readonly tokenizer: Tokenizer;
  /** Tokens are written `token_id:ID`. */
  readonly tokensAsIds: boolean;
  /** Best tokens shown beside each one; the engine may have told more. */
  readonly topCount: number;
};

const finite = (logprob: number): number => Math.max(logprob, LOGPROB_FLOOR);

// --- /v1/chat/completions -----------------------------------------------------------------------

type ChatTop = { readonly token: string; readonly logprob: number; readonly bytes: number[] };
export type ChatLogprob = ChatTop & { readonly top_logprobs: readonly ChatTop[] };

export function chatLogprobs(tokens: readonly TextToken[], style: LogprobStyle): ChatLogprob[] {
  return tokens.map(({ id, logprobs }) => ({
    ...chatToken(id, logprobs?.logprob ?? LOGPROB_FLOOR, style),
    top_logprobs: topTokens(logprobs, style).map(([topId, logprob]) =>
      chatToken(topId, logprob, style),
    ),
  }));
}

const chatToken = (id: number, logprob: number, style: LogprobStyle): ChatTop => ({
  token: style.tokensAsIds ? `token_id:${id}` : style.tokenizer.tokenText(id),
  logprob: finite(logprob),
  bytes: [...style.tokenizer.tokenBytes(id)],
});

// --- /v1/completions ----------------------------------------------------------------------------

export type CompletionLogprobs = {
  readonly text_offset: number[];
  /** Null for the first token of an echoed prompt: nothing came before it. */
  readonly token_logprobs: (number | null)[];
  readonly tokens: string[];
  readonly top_logprobs: (Readonly<Record<string, number>> | null)[];
};

/** @param textOffset characters of the answer in front of the completion: those of an echo */
export function completionLogprobs(
  tokens: readonly TextToken[],
  textOffset: number,
  style: LogprobStyle,
): CompletionLogprobs {
  return {
    text_offset: tokens.map(({ offset }) => textOffset + offset),
    token_logprobs: tokens.map(({ logprobs }) => finite(logprobs?.logprob ?? LOGPROB_FLOOR)),
    tokens: tokens.map(({ id }) => completionToken(id, style)),
    top_logprobs: tokens.map(({ id, logprobs }) => topByToken(id, logprobs, style)),
  };
}

/** Those of an echoed prompt; `logprobs` starts with the prompt's second token. */
export function echoLogprobs(
  prompt: Prompt,
  logprobs: readonly TokenLogprobs[],
  style: LogprobStyle,
): CompletionLogprobs {
  const tokens = echoedTokens(prompt, logprobs, style.tokenizer);
  const [first, ...others] = tokens;
  const rest = completionLogprobs(others, 0, style);
  if (first === undefined) return rest;
  return {
    text_offset: [0, ...rest.text_offset],
    token_logprobs: [null, ...rest.token_logprobs],
    tokens: [completionToken(first.id, style), ...rest.tokens],
    top_logprobs: [null, ...rest.top_logprobs],
  };
}

function echoedTokens(
  { tokens, hiddenTokenCount }: Prompt,
  logprobs: readonly TokenLogprobs[],
  tokenizer: Tokenizer,
): TextToken[] {
  const counter = new CharacterCounter();
  return Array.from(tokens, (id, position) => {
    let offset = counter.count;
    if (position >= hiddenTokenCount) {
      tokenizer.tokenBytes(id).forEach((byte, index) => {
        const character = counter.push(byte);
        if (index === 0) offset = character;
      });
    }
    return { id, offset, logprobs: logprobs[position - 1] ?? null };
  });
}

export const joinLogprobs = (
  first: CompletionLogprobs,
  second: CompletionLogprobs,
): CompletionLogprobs => ({
  text_offset: [...first.text_offset, ...second.text_offset],
  token_logprobs: [...first.token_logprobs, ...second.token_logprobs],
  tokens: [...first.tokens, ...second.tokens],
  top_logprobs: [...first.top_logprobs, ...second.top_logprobs],
});

/** Characters of an echoed text, the unit of `text_offset`. */
export const echoLength = ({ echoText }: Prompt): number => characterCount(echoText ?? '');

/** Part of a character has no text of its own; OpenAI writes such tokens as bytes. */
function completionToken(id: number, { tokenizer, tokensAsIds }: LogprobStyle): string {
  if (tokensAsIds) return `token_id:${id}`;
  const bytes = tokenizer.tokenBytes(id);
  if (isUtf8(bytes)) return tokenizer.tokenText(id);
  const escaped = Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`);
  return `bytes:${escaped.join('')}`;
}

/** The best tokens and the chosen one by their text; of equal texts the likeliest stays. */
function topByToken(id: number, logprobs: TokenLogprobs | null, style: LogprobStyle) {
  const byToken = new Map<string, number>();
  for (const [topId, logprob] of [
    ...topTokens(logprobs, style),
    [id, logprobs?.logprob] as const,
  ]) {
    const token = completionToken(topId, style);
    if (!byToken.has(token)) byToken.set(token, finite(logprob ?? LOGPROB_FLOOR));
  }
  return Object.fromEntries(byToken);
}

// --- prompt_logprobs ----------------------------------------------------------------------------

type PromptLogprob = {
  readonly logprob: number;
  /** 1 is the likeliest; null where the token is not among the best that were asked for. */
  readonly rank: number | null;
  readonly decoded_token: string;
};

/** One entry a prompt token, by token id; the first is null. */
export function promptLogprobs(
  prompt: Prompt,
  logprobs: readonly TokenLogprobs[],
  style: LogprobStyle,
): (Readonly<Record<string, PromptLogprob>> | null)[] {
  const entry = (id: number, logprob: number, rank: number | null): [string, PromptLogprob] => [
    String(id),
    { logprob: finite(logprob), rank, decoded_token: style.tokenizer.tokenText(id) },
  ];
  const entries = logprobs.map((token, index) => {
    const id = prompt.tokens[index + 1] ?? 0;
    const best = topTokens(token, style).map(([topId, logprob], rank) =>
      entry(topId, logprob, rank + 1),
    );
    return Object.fromEntries([entry(id, token.logprob, null), ...best]);
  });
  return [null, ...entries];
}

/** Pairs of id and log-probability, likeliest first. */
function topTokens(
  logprobs: TokenLogprobs | null,
  { topCount }: LogprobStyle,
): (readonly [id: number, logprob: number])[] {
  if (logprobs === null) return [];
  const best = logprobs.topIds.subarray(0, topCount);
  return Array.from(best, (id, index) => [id, logprobs.topLogprobs[index] ?? 0] as const);
}
