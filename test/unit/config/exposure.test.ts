import { describe, expect, it } from 'vitest';
import { checkExposure } from '../../../src/config/index.ts';
import { configFrom } from '../../support/engine-fixtures.ts';

const configError = (message: RegExp) =>
  expect.objectContaining({ code: 'ETAP_ERR_CONFIG', message: expect.stringMatching(message) });

describe('an address that other machines can reach', () => {
  it.each(['0.0.0.0', '::', '10.0.0.1', 'example.org'])('%s needs keys', (host) => {
    const { server } = configFrom('--host', host);
    expect(() => checkExposure(server, 0)).toThrow(configError(/allow-unauthenticated/));
    expect(() => checkExposure(server, 1)).not.toThrow();
    const open = configFrom('--host', host, '--allow-unauthenticated').server;
    expect(() => checkExposure(open, 0)).not.toThrow();
  });

  it.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1'])('%s does not', (host) => {
    expect(() => checkExposure(configFrom('--host', host).server, 0)).not.toThrow();
  });
});
