import { createHash } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { newKey, readApiKeys } from '../../../src/keys/index.ts';
import { configFrom } from '../../support/engine-fixtures.ts';

const sha256 = (key: string) => createHash('sha256').update(key).digest('hex');

function keyFile(text: string, name = 'keys'): string {
  const path = join(mkdtempSync(join(tmpdir(), 'etap-keys-')), name);
  writeFileSync(path, text);
  return path;
}

const keysOf = (text: string, ...flags: string[]) =>
  readApiKeys(configFrom('--api-key-file', keyFile(text, 'keys.yaml'), ...flags));

const configError = (message: RegExp) =>
  expect.objectContaining({ code: 'ETAP_ERR_CONFIG', message: expect.stringMatching(message) });

describe('plain keys', () => {
  it('come from the setting and from the file, without doubles, comments and blank lines', () => {
    const path = keyFile('# ours\nfile-key \n\nboth\n');
    const keys = readApiKeys(configFrom('--api-key', 'own,both', '--api-key-file', path));
    expect(keys.map(({ digest }) => digest.toString('hex'))).toEqual(
      ['own', 'both', 'file-key'].map(sha256),
    );
    expect(readApiKeys(configFrom())).toEqual([]);
  });

  it('may do everything, within the limits for all keys', () => {
    const [key] = readApiKeys(configFrom('--api-key', 'a', '--limits.keyRequestsPerMinute', '60'));
    expect(key?.scopes).toEqual(['infer', 'metrics', 'admin']);
    expect(key?.limits).toEqual({
      requestsPerMinute: 60,
      tokensPerMinute: null,
      concurrentRequests: null,
    });
    expect(key?.name).toBe(`key-${sha256('a').slice(0, 16)}`);
  });

  it.each([
    ['no file', '/nonexistent/keys', /server\.apiKeyFile: cannot read it: ENOENT/],
    ['an empty file', keyFile('# nothing\n'), /found no key in/],
    ['a key with a space', keyFile('two words\n'), /found a key with spaces/],
  ])('refuse %s', (_name, path, message) => {
    expect(() => readApiKeys(configFrom('--api-key-file', path))).toThrow(configError(message));
  });
});

describe('a list of keys', () => {
  it('gives each key a name, a tenant, scopes, a class, limits and an end', () => {
    const [alice, bob] = keysOf(
      `keys:
  - name: alice
    sha256: ${sha256('secret')}
    tenant: team-a
    scopes: [infer, admin]
    priority: 2
    requestsPerMinute: 100
    tokensPerMinute: null
    expires: 2030-01-31
  - {name: bob, key: other}
`,
      '--limits.keyTokensPerMinute',
      '5000',
    );
    expect(alice).toEqual({
      digest: Buffer.from(sha256('secret'), 'hex'),
      name: 'alice',
      tenant: 'team-a',
      scopes: ['infer', 'admin'],
      priority: 2,
      limits: { requestsPerMinute: 100, tokensPerMinute: null, concurrentRequests: null },
      expiresAtMs: Date.UTC(2030, 0, 31),
    });
    expect(bob).toMatchObject({
      tenant: 'bob',
      scopes: ['infer'],
      priority: null,
      limits: { tokensPerMinute: 5000 },
      expiresAtMs: null,
    });
  });

  it('takes the entry that `etap key` prints', () => {
    const made = newKey('carol');
    const [carol] = keysOf(`keys:\n${made.entry}\n`);
    expect(carol?.digest.toString('hex')).toBe(sha256(made.key));
    expect(made.entry).not.toContain(made.key);
  });

  it.each([
    ['no list', 'other: 1', /found no list `keys`/],
    ['broken YAML', 'keys: [', /server\.apiKeyFile: .*keys\.yaml/],
    ['an empty list', 'keys: []', /found no key/],
    ['no object', 'keys: [hello]', /keys\[0\]: found no object/],
    ['a missing name', 'keys: [{key: a}]', /keys\[0\]: `name` is missing or has a bad value/],
    ['neither key nor digest', 'keys: [{name: a}]', /either `sha256`, or `key`/],
    ['both', `keys: [{name: a, key: b, sha256: ${sha256('b')}}]`, /either `sha256`, or `key`/],
    ['a short digest', 'keys: [{name: a, sha256: abc}]', /`sha256` is missing or has a bad value/],
    ['an unknown field', 'keys: [{name: a, key: b, rpm: 5}]', /found an unknown field/],
    ['an unknown scope', 'keys: [{name: a, key: b, scopes: [root]}]', /`scopes`/],
    ['no scope', 'keys: [{name: a, key: b, scopes: []}]', /`scopes`/],
    ['a limit of nothing', 'keys: [{name: a, key: b, tokensPerMinute: 0}]', /`tokensPerMinute`/],
    ['a class out of range', 'keys: [{name: a, key: b, priority: 8}]', /`priority`/],
    ['a bad date', 'keys: [{name: a, key: b, expires: soon}]', /`expires` is no date/],
    [
      'a name twice',
      'keys: [{name: a, key: b}, {name: a, key: c}]',
      /the name a stands there twice/,
    ],
    [
      'a key twice',
      'keys: [{name: a, key: x}, {name: b, key: x}]',
      /the key of b stands there twice/,
    ],
  ])('refuses %s', (_name, text, message) => {
    expect(() => keysOf(text)).toThrow(configError(message));
  });

  it('never shows a secret in an error', () => {
    for (const text of ['keys: [{name: a, key: "se cret"}]', 'keys: [{name: a, secret: hush}]']) {
      expect(() => keysOf(text)).toThrow(expect.not.stringMatching(/se cret|hush/));
    }
  });
});
