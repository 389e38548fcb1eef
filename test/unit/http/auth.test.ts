import { describe, expect, it } from 'vitest';
import { DoorKeeper } from '../../../src/http/auth.ts';
import { type ApiKey, KeyRing, plainKey } from '../../../src/keys/index.ts';

const UNLIMITED = { requestsPerMinute: null, tokensPerMinute: null, concurrentRequests: null };
const clock = { now: () => 0, unixMs: () => 0 };

const doorOf = (keys: readonly ApiKey[], options: { readonly openMetrics?: boolean } = {}) =>
  new DoorKeeper(new KeyRing(keys, clock), { openMetrics: false, pageRoutes: ['/'], ...options });

const first = plainKey('first-key', UNLIMITED);
const door = doorOf([first, plainKey('second-key', UNLIMITED)]);
const unauthorized = expect.objectContaining({ code: 'ETAP_ERR_UNAUTHORIZED' });

describe('the door', () => {
  it('is open to everyone without keys', () => {
    expect(doorOf([]).authenticate('/v1/models', undefined)).toMatchObject({ tenant: '' });
  });

  it('takes a bearer key, however the header is spaced', () => {
    const caller = door.authenticate('/v1/models', 'Bearer first-key');
    expect(caller.tenant).toMatch(/^key-[0-9a-f]{16}$/);
    expect(door.authenticate('/metrics', 'bearer  first-key ')).toEqual(caller);
  });

  it.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer wrong',
    'Bearer first-ke',
    'Bearer first-key2',
    'Bearer FIRST-KEY',
    'Basic first-key',
    'first-key',
    'Bearer first-key second-key',
  ])('refuses %j', (authorization) => {
    expect(() => door.authenticate('/v1/models', authorization)).toThrow(unauthorized);
  });

  it.each(['/health', '/health/live', '/health/ready', '/live', '/ready', '/'])(
    'asks no key for %s',
    (route) => {
      expect(door.authenticate(route, undefined)).toMatchObject({ tenant: '' });
    },
  );

  it.each([undefined, '/health/', '/health/deep', '/healthz', '/metrics', '/v1/health'])(
    'asks a key for %s',
    (route) => {
      expect(() => door.authenticate(route, undefined)).toThrow(unauthorized);
    },
  );

  it('opens /metrics where that is configured', () => {
    const open = doorOf([first], { openMetrics: true });
    expect(open.authenticate('/metrics', undefined)).toMatchObject({ tenant: '' });
    expect(() => open.authenticate('/load', undefined)).toThrow(unauthorized);
  });

  it('lets a key do only what its scopes say', () => {
    const scoped = doorOf([
      { ...first, scopes: ['infer'] },
      { ...plainKey('scraper', UNLIMITED), scopes: ['metrics'] },
    ]);
    const forbidden = expect.objectContaining({ code: 'ETAP_ERR_FORBIDDEN', status: 403 });
    scoped.authenticate('/v1/models', 'Bearer first-key');
    expect(() => scoped.authenticate('/metrics', 'Bearer first-key')).toThrow(forbidden);
    scoped.authenticate('/metrics', 'Bearer scraper');
    expect(() => scoped.authenticate('/v1/models', 'Bearer scraper')).toThrow(forbidden);
    expect(() => scoped.authenticate(undefined, 'Bearer scraper')).toThrow(forbidden);
  });
});
