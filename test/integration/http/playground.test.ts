/** The page is served as it was built, open to everyone, with headers that keep it to itself. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { testServer } from '../../support/http-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'etap-page-'));
const SCRIPT = 'console.log("page");'.repeat(20);
mkdirSync(join(folder, 'assets'));
writeFileSync(join(folder, 'index.html'), '<!doctype html>');
writeFileSync(join(folder, 'icon.svg'), '<svg/>');
writeFileSync(join(folder, 'assets', 'main-abc123.js'), SCRIPT);
writeFileSync(join(folder, 'assets', 'main-abc123.js.gz'), gzipSync(SCRIPT));
writeFileSync(join(folder, '..', 'etap-outside.txt'), 'secret');

afterAll(() => {
  rmSync(folder, { recursive: true });
  rmSync(join(folder, '..', 'etap-outside.txt'));
});

const served = (deps: Parameters<typeof testServer>[0] = {}) =>
  testServer({ ...deps, deps: { pageFolder: folder, ...deps.deps } }).app;

describe('the playground', () => {
  it('is open without a key while the API is not', async () => {
    const app = served({ deps: { apiKeys: ['secret'] } });
    const page = await app.inject('/');
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-type']).toMatch(/^text\/html/);
    expect((await app.inject('/assets/main-abc123.js')).statusCode).toBe(200);
    expect((await app.inject('/v1/models')).statusCode).toBe(401);
    expect((await app.inject('/v1/etap/live')).statusCode).toBe(401);
    expect((await app.inject('/assets/other.js')).statusCode).toBe(401);
  });

  it('loads nothing from elsewhere and may not be framed', async () => {
    const { headers } = await served().inject('/');
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['referrer-policy']).toBe('no-referrer');
    expect(headers['x-request-id']).toBeDefined();
  });

  it('lets hashed files be kept for good and asks again for the others', async () => {
    const app = served();
    const asset = await app.inject('/assets/main-abc123.js');
    expect(asset.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    const page = await app.inject('/');
    expect(page.headers['cache-control']).toBe('no-cache');
    const again = await app.inject({
      url: '/',
      headers: { 'if-none-match': String(page.headers.etag) },
    });
    expect(again.statusCode).toBe(304);
  });

  it('sends what the build has compressed', async () => {
    const answer = await served().inject({
      url: '/assets/main-abc123.js',
      headers: { 'accept-encoding': 'gzip' },
    });
    expect(answer.headers['content-encoding']).toBe('gzip');
    expect(answer.headers['content-type']).toMatch(/^(text|application)\/javascript/);
    expect(answer.headers.vary).toMatch(/accept-encoding/i);
    expect(answer.rawPayload).toEqual(gzipSync(SCRIPT));
  });

  it.each([
    '/../etap-outside.txt',
    '/%2e%2e/etap-outside.txt',
    '/assets/..%2f..%2fetap-outside.txt',
    '/assets/main-abc123.js.gz',
    '/index.html',
    '/assets/',
  ])('knows no file %s', async (url) => {
    const answer = await served().inject(url);
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toMatchObject({ error: { code: 'not_found' } });
  });

  it('refuses other methods', async () => {
    const answer = await served().inject({ method: 'POST', url: '/' });
    expect(answer.statusCode).toBe(405);
  });

  it('is not there when it was not built or is switched off', async () => {
    expect((await testServer().app.inject('/')).statusCode).toBe(404);
    const empty = testServer({ deps: { pageFolder: join(folder, 'assets') } });
    expect((await empty.app.inject('/')).statusCode).toBe(404);
  });
});
