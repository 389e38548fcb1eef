import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Account, duration } from '../../../src/keys/index.ts';
import { TokenBucket } from '../../../src/keys/token-bucket.ts';

const NONE = { requestsPerMinute: null, tokensPerMinute: null, concurrentRequests: null };

function accountWith(limits: Partial<typeof NONE | Record<keyof typeof NONE, number>>) {
  const clock = { ms: 0 };
  const account = new Account({ ...NONE, ...limits } as never, () => clock.ms);
  return { account, clock };
}

const limited = (message: RegExp, retryAfterMs?: number | null) =>
  expect.objectContaining({
    code: 'ETAP_ERR_RATE_LIMIT',
    message: expect.stringMatching(message),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });

describe('an account', () => {
  it('without limits lets everything through and sends no headers', () => {
    const { account } = accountWith({});
    for (let count = 0; count < 1000; count++) account.beginRequest();
    account.chargePrompt(1e9);
    account.chargeCompletion(1e9);
    expect(account.headers()).toEqual({});
  });

  it('counts requests of a minute, and fills up again steadily', () => {
    const { account, clock } = accountWith({ requestsPerMinute: 2 });
    account.beginRequest();
    account.beginRequest();
    expect(() => account.beginRequest()).toThrow(limited(/2 requests a minute/, 30_000));
    expect(account.headers()).toEqual({
      'x-ratelimit-limit-requests': '2',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '1m0s',
    });
    clock.ms = 30_000;
    account.beginRequest();
    expect(() => account.beginRequest()).toThrow(limited(/requests/));
  });

  it('charges tokens when they are known, and is overdrawn rather than cutting an answer off', () => {
    const { account, clock } = accountWith({ tokensPerMinute: 600 });
    account.beginRequest();
    account.chargePrompt(500);
    account.chargeCompletion(300);
    expect(account.headers()['x-ratelimit-remaining-tokens']).toBe('0');
    expect(() => account.beginRequest()).toThrow(limited(/600 tokens a minute/));
    clock.ms = 21_000;
    account.beginRequest();
    expect(() => account.chargePrompt(100)).toThrow(limited(/this prompt has 100/, 9000));
  });

  it('says that a prompt beyond the rate never fits', () => {
    const { account } = accountWith({ tokensPerMinute: 10 });
    expect(() => account.chargePrompt(11)).toThrow(
      limited(/send fewer tokens/, Number.POSITIVE_INFINITY),
    );
  });

  it('holds so many requests open, and no more', () => {
    const { account } = accountWith({ concurrentRequests: 2 });
    account.beginRequest();
    account.beginRequest();
    expect(() => account.beginRequest()).toThrow(limited(/2 requests open at a time/, null));
    account.endRequest();
    account.beginRequest();
    expect(account.openCount).toBe(2);
  });

  it('keeps its level when its limits are read again unchanged', () => {
    const { account } = accountWith({ requestsPerMinute: 1 });
    account.beginRequest();
    account.setLimits({ ...NONE, requestsPerMinute: 1 });
    expect(() => account.beginRequest()).toThrow(limited(/requests/));
    account.setLimits({ ...NONE, requestsPerMinute: 2 });
    account.beginRequest();
  });
});

describe('a token bucket', () => {
  it('never gives more than its rate and one full bucket', () => {
    const takes = fc.array(
      fc.record({ afterMs: fc.nat(20_000), amount: fc.integer({ min: 1, max: 50 }) }),
      { maxLength: 100 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), takes, (perMinute, steps) => {
        const bucket = new TokenBucket(perMinute, 0);
        let nowMs = 0;
        let taken = 0;
        for (const { afterMs, amount } of steps) {
          nowMs += afterMs;
          const waitMs = bucket.waitMs(amount, nowMs);
          if (waitMs > 0) continue;
          bucket.take(amount, nowMs);
          taken += amount;
        }
        expect(taken).toBeLessThanOrEqual(perMinute + (nowMs * perMinute) / 60_000 + 1e-6);
      }),
    );
  });

  it('can be taken from after exactly the wait it told', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.nat(3000), (perMinute, drawn) => {
        const bucket = new TokenBucket(perMinute, 0);
        bucket.take(drawn, 0);
        const waitMs = bucket.waitMs(1, 0);
        expect(bucket.level(waitMs)).toBeGreaterThanOrEqual(1 - 1e-6);
      }),
    );
  });
});

it.each([
  [0, '0ms'],
  [849.2, '850ms'],
  [1000, '1s'],
  [59_001, '1m0s'],
  [61_000, '1m1s'],
])('writes %d ms as %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});
