import { describe, expect, it } from 'vitest';
import { KeyRing } from '../../../src/http/auth.ts';

const ring = new KeyRing(['first-key', 'second-key'], { openMetrics: false });
const unauthorized = expect.objectContaining({ code: 'ETAP_ERR_UNAUTHORIZED' });

describe('KeyRing', () => {
  it('lets everyone in without keys', () => {
    const open = new KeyRing([], { openMetrics: false });
    expect(open.authenticate('/v1/models', undefined)).toEqual({ tenant: '' });
  });

  it('knows each key by a name of its own that does not tell the key', () => {
    const first = ring.authenticate('/v1/models', 'Bearer first-key');
    const second = ring.authenticate('/v1/models', 'bearer  second-key ');
    expect(first.tenant).toMatch(/^key-[0-9a-f]{16}$/);
    expect(second.tenant).not.toBe(first.tenant);
    expect(ring.authenticate('/metrics', 'Bearer first-key')).toEqual(first);
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
    expect(() => ring.authenticate('/v1/models', authorization)).toThrow(unauthorized);
  });

  it.each(['/health', '/health/live', '/health/ready', '/live', '/ready'])(
    'asks no key for %s',
    (route) => {
      expect(ring.authenticate(route, undefined)).toEqual({ tenant: '' });
    },
  );

  it.each([undefined, '/health/', '/health/deep', '/healthz', '/metrics', '/v1/health'])(
    'asks a key for %s',
    (route) => {
      expect(() => ring.authenticate(route, undefined)).toThrow(unauthorized);
    },
  );

  it('opens /metrics where that is configured', () => {
    const open = new KeyRing(['key'], { openMetrics: true });
    expect(open.authenticate('/metrics', undefined)).toEqual({ tenant: '' });
    expect(() => open.authenticate('/load', undefined)).toThrow(unauthorized);
  });
});
