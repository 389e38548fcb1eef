import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkExposure, readApiKeys } from '../../../src/config/index.ts';
import { configFrom } from '../../support/engine-fixtures.ts';

function keyFile(text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'etap-keys-')), 'keys');
  writeFileSync(path, text);
  return path;
}

const configError = (message: RegExp) =>
  expect.objectContaining({ code: 'ETAP_ERR_CONFIG', message: expect.stringMatching(message) });

describe('keys', () => {
  it('come from the setting and from the file, without doubles, comments and blank lines', () => {
    const path = keyFile('# ours\nfile-key \n\nboth\n');
    const { server } = configFrom('--api-key', 'own,both', '--api-key-file', path);
    expect(readApiKeys(server)).toEqual(['own', 'both', 'file-key']);
    expect(readApiKeys(configFrom().server)).toEqual([]);
  });

  it.each([
    ['no file', '/nonexistent/keys', /server\.apiKeyFile: cannot read it: ENOENT/],
    ['an empty file', keyFile('# nothing\n'), /found no key in/],
    ['a key with a space', keyFile('two words\n'), /found a key with spaces/],
  ])('refuse %s', (_name, path, message) => {
    const { server } = configFrom('--api-key-file', path);
    expect(() => readApiKeys(server)).toThrow(configError(message));
  });
});

describe('an address that other machines can reach', () => {
  it.each(['0.0.0.0', '::', '10.0.0.1', 'example.org'])('%s needs keys', (host) => {
    const { server } = configFrom('--host', host);
    expect(() => checkExposure(server, [])).toThrow(configError(/allow-unauthenticated/));
    expect(() => checkExposure(server, ['key'])).not.toThrow();
    const open = configFrom('--host', host, '--allow-unauthenticated').server;
    expect(() => checkExposure(open, [])).not.toThrow();
  });

  it.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1'])('%s does not', (host) => {
    expect(() => checkExposure(configFrom('--host', host).server, [])).not.toThrow();
  });
});
