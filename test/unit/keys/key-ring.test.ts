import { describe, expect, it } from 'vitest';
import { type ApiKey, KeyRing, plainKey } from '../../../src/keys/index.ts';

const UNLIMITED = { requestsPerMinute: null, tokensPerMinute: null, concurrentRequests: null };
const unauthorized = expect.objectContaining({ code: 'ETAP_ERR_UNAUTHORIZED' });

function ringOf(...keys: ApiKey[]) {
  const clock = { ms: 0 };
  return { ring: new KeyRing(keys, { now: () => clock.ms, unixMs: () => clock.ms }), clock };
}

describe('a key ring', () => {
  it('lets everyone in without keys', () => {
    expect(ringOf().ring.identify(null)).toMatchObject({ name: '', tenant: '' });
  });

  it('knows each key by a name of its own that does not tell the key', () => {
    const { ring } = ringOf(plainKey('first', UNLIMITED), plainKey('second', UNLIMITED));
    expect(ring.identify('first').name).toMatch(/^key-[0-9a-f]{16}$/);
    expect(ring.identify('second').name).not.toBe(ring.identify('first').name);
  });

  it.each([null, '', 'wrong', 'firs', 'first2', 'FIRST'])('refuses %j', (key) => {
    const { ring } = ringOf(plainKey('first', UNLIMITED));
    expect(() => ring.identify(key)).toThrow(unauthorized);
  });

  it('refuses a key from the moment it expires', () => {
    const { ring, clock } = ringOf({ ...plainKey('key', UNLIMITED), expiresAtMs: 1000 });
    clock.ms = 999;
    ring.identify('key');
    clock.ms = 1000;
    expect(() => ring.identify('key')).toThrow(unauthorized);
  });

  it('forgets removed keys, and remembers what those that stay have used', () => {
    const stays = plainKey('stays', { ...UNLIMITED, requestsPerMinute: 1 });
    const { ring } = ringOf(stays, plainKey('goes', UNLIMITED));
    ring.identify('stays').account.beginRequest();
    ring.replace([stays, plainKey('new', UNLIMITED)]);
    ring.identify('new');
    expect(() => ring.identify('goes')).toThrow(unauthorized);
    expect(() => ring.identify('stays').account.beginRequest()).toThrow(
      expect.objectContaining({ code: 'ETAP_ERR_RATE_LIMIT' }),
    );
  });
});
