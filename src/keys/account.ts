/** What one key has used, held against its limits. Lives on when the keys are read again. */
import { EtapError } from '../errors.ts';
import type { KeyLimits } from './api-key.ts';
import { TokenBucket } from './token-bucket.ts';

export class Account {
  readonly #now: () => number;
  #requests: TokenBucket | null = null;
  #tokens: TokenBucket | null = null;
  #concurrentMax: number | null = null;
  #openCount = 0;

  /** @param now milliseconds that only grow */
  constructor(limits: KeyLimits, now: () => number) {
    this.#now = now;
    this.setLimits(limits);
  }

  /** Requests of this key that are open. */
  get openCount(): number {
    return this.#openCount;
  }

  /** A rate that stays as it was keeps its level. */
  setLimits({ requestsPerMinute, tokensPerMinute, concurrentRequests }: KeyLimits): void {
    this.#requests = this.#bucket(this.#requests, requestsPerMinute);
    this.#tokens = this.#bucket(this.#tokens, tokensPerMinute);
    this.#concurrentMax = concurrentRequests;
  }

  /** Each request begins once and ends once. Throws EtapError ETAP_ERR_RATE_LIMIT. */
  beginRequest(): void {
    const nowMs = this.#now();
    if (this.#concurrentMax !== null && this.#openCount >= this.#concurrentMax) {
      throw rateLimit(`this key may have ${this.#concurrentMax} requests open at a time`, null);
    }
    if (this.#tokens !== null && this.#tokens.level(nowMs) <= 0) this.#refuseTokens(1, nowMs);
    if (this.#requests !== null) {
      const waitMs = this.#requests.waitMs(1, nowMs);
      if (waitMs > 0) {
        throw rateLimit(`this key may send ${this.#requests.perMinute} requests a minute`, waitMs);
      }
      this.#requests.take(1, nowMs);
    }
    this.#openCount++;
  }

  endRequest(): void {
    this.#openCount--;
  }

  /** Tokens that a request is about to cost at least. Throws EtapError ETAP_ERR_RATE_LIMIT. */
  chargePrompt(tokenCount: number): void {
    if (this.#tokens === null) return;
    const nowMs = this.#now();
    if (this.#tokens.waitMs(tokenCount, nowMs) > 0) this.#refuseTokens(tokenCount, nowMs);
    this.#tokens.take(tokenCount, nowMs);
  }

  /** Tokens that were generated; may overdraw, so that no answer is cut off. */
  chargeCompletion(tokenCount: number): void {
    this.#tokens?.take(tokenCount, this.#now());
  }

  /** The `x-ratelimit-*` headers of OpenAI; none where there are no limits. */
  headers(): Record<string, string> {
    const nowMs = this.#now();
    return {
      ...headersOf('requests', this.#requests, nowMs),
      ...headersOf('tokens', this.#tokens, nowMs),
    };
  }

  #bucket(bucket: TokenBucket | null, perMinute: number | null): TokenBucket | null {
    if (perMinute === null) return null;
    return bucket?.perMinute === perMinute ? bucket : new TokenBucket(perMinute, this.#now());
  }

  #refuseTokens(tokenCount: number, nowMs: number): never {
    const perMinute = this.#tokens?.perMinute ?? 0;
    const waitMs = this.#tokens?.waitMs(tokenCount, nowMs) ?? 0;
    const asked = tokenCount > 1 ? `; this prompt has ${tokenCount}` : '';
    throw rateLimit(`this key may use ${perMinute} tokens a minute${asked}`, waitMs);
  }
}

function headersOf(
  noun: string,
  bucket: TokenBucket | null,
  nowMs: number,
): Record<string, string> {
  if (bucket === null) return {};
  return {
    [`x-ratelimit-limit-${noun}`]: String(bucket.perMinute),
    [`x-ratelimit-remaining-${noun}`]: String(Math.max(0, Math.floor(bucket.level(nowMs)))),
    [`x-ratelimit-reset-${noun}`]: duration(bucket.resetMs(nowMs)),
  };
}

/** As OpenAI writes it: `850ms`, `12s`, `1m0s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

/** @param waitMs null: unknown; Infinity: waiting never helps */
function rateLimit(what: string, waitMs: number | null): EtapError {
  const advice =
    waitMs === Number.POSITIVE_INFINITY ? 'send fewer tokens at a time' : 'retry later';
  return new EtapError('ETAP_ERR_RATE_LIMIT', `${what}; ${advice}`, null, {
    ...(waitMs !== null && { retryAfterMs: waitMs }),
  });
}
