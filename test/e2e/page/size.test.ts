/** The built page stays small: all of it, the live page and its charts included. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

const FOLDER = 'dist/web';
const GZIP_BYTES_MAX = 120_000;

const files = readdirSync(FOLDER, { recursive: true })
  .map(String)
  .filter((name) => /\.(html|js|css|svg)$/.test(name))
  .map((name) => ({ name, content: readFileSync(join(FOLDER, name)) }));

describe('the built page', () => {
  it(`has at most ${GZIP_BYTES_MAX} bytes, compressed`, () => {
    const bytes = files.reduce((sum, { content }) => sum + gzipSync(content).length, 0);
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThanOrEqual(GZIP_BYTES_MAX);
  });

  it('asks nobody else for anything, and has no script in the page', () => {
    const texts = files.map(({ content }) => content.toString());
    // Names of XML namespaces and links in licences are no requests.
    const loads = texts.flatMap((text) => [
      ...text.matchAll(/(?:src|href)="https?:|url\(["']?https?:|@import|import\("https?:/g),
    ]);
    expect(loads).toEqual([]);
    const page = files.find(({ name }) => name === 'index.html')?.content.toString() ?? '';
    expect(page).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\son\w+=/);
  });
});
