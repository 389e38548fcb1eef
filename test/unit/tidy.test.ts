/** Style as a test: what linters cannot see. Layer tables are those of docs/style.md. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'])
  .toString()
  .split('\n')
  .filter((path) => path !== '' && existsSync(path));

const filesUnder = (folder: string, pattern: RegExp) =>
  tracked.filter((path) => path.startsWith(`${folder}/`) && pattern.test(path));

const NATIVE = /\.(h|cpp|cu|cuh)$/;
const nativeFiles = filesUnder('native', NATIVE);
const read = (path: string) => readFileSync(path, 'utf8');

/** Folder of native/ -> the folders it may include besides itself. */
const NATIVE_LAYERS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  weights: ['base'],
  comm: ['base'],
  sampling: ['base'],
  backend: ['base', 'sampling', 'comm'],
  model: ['backend', 'comm', 'weights', 'base'],
  runtime: ['model', 'weights', 'comm', 'sampling', 'backend', 'base'],
  binding: ['runtime', 'backend', 'base'],
};

const includesOf = (path: string) =>
  [...read(path).matchAll(/^#include "([^"]+)"/gm)].map((match) => match[1] ?? '');

describe('native layers', () => {
  it.each(nativeFiles.filter((path) => path.split('/').length > 2))('%s', (path) => {
    const folder = path.split('/')[1] ?? '';
    const allowed = [folder, ...(NATIVE_LAYERS[folder] ?? [])];
    const foreign = includesOf(path).filter((include) => {
      const local = existsSync(join(dirname(path), include));
      return (
        !local &&
        existsSync(join('native', include)) &&
        !allowed.includes(include.split('/')[0] ?? '')
      );
    });
    expect(foreign).toEqual([]);
  });

  it('keeps Node out of everything but binding/', () => {
    const users = nativeFiles.filter((path) => /#include <(napi|node_api)\.h>/.test(read(path)));
    expect(users.filter((path) => !path.startsWith('native/binding/'))).toEqual([]);
  });

  it('keeps CUDA under backend/cuda', () => {
    const users = nativeFiles.filter((path) => /#include <cuda/.test(read(path)));
    expect(users.filter((path) => !path.startsWith('native/backend/cuda/'))).toEqual([]);
  });

  it('reaches the model only through backend.h', () => {
    const users = filesUnder('native/model', NATIVE).filter((path) =>
      includesOf(path).some((include) => /^backend\/(cpu|cuda|reference)\//.test(include)),
    );
    expect(users).toEqual([]);
  });

  it('lists every source in a CMakeLists.txt', () => {
    const lists = tracked.filter((path) => basename(path) === 'CMakeLists.txt').map(read);
    const sources = nativeFiles.filter((path) => /\.(cpp|cu)$/.test(path));
    const unlisted = sources.filter((path) => !lists.some((list) => list.includes(basename(path))));
    expect(unlisted).toEqual([]);
  });
});

describe('source text', () => {
  const sources = tracked.filter((path) => /^(src|native|tools)\//.test(path));

  it('has no unfinished marks', () => {
    const marks = new RegExp(['TO', 'DO|FIX', 'ME|XX', 'X\\b|HA', 'CK\\b'].join(''));
    expect(
      sources.filter((path) => /\.(ts|mjs|py|h|cpp|cu|cuh)$/.test(path) && marks.test(read(path))),
    ).toEqual([]);
  });

  it('keeps the scheduler and the KV cache pure', () => {
    const impure =
      /\b(Date\b|Math\.random|performance\b|setTimeout|setImmediate|Promise\b|async\b|process\.)/;
    const code = [...filesUnder('src/scheduler', /\.ts$/), ...filesUnder('src/kv', /\.ts$/)];
    const withoutComments = (text: string) => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    expect(code.filter((path) => impure.test(withoutComments(read(path))))).toEqual([]);
  });

  it('has no skipped or lonely tests', () => {
    const tests = tracked.filter(
      (path) => path.endsWith('.test.ts') && path !== 'test/unit/tidy.test.ts',
    );
    expect(
      tests.filter((path) => /\b(it|test|describe)\.(skip|only|todo)\b/.test(read(path))),
    ).toEqual([]);
  });
});

describe('repository', () => {
  it('holds no large files outside the demo model and the golden files', () => {
    const limit = 1024 * 1024;
    const large = tracked.filter((path) => statSync(path).size > limit);
    expect(large.filter((path) => !/^(models\/demo|test\/golden)\//.test(path))).toEqual([]);
  });

  it('exports only through the doors of src folders', () => {
    const doors = filesUnder('src', /\/index\.ts$/);
    const withCode = doors.filter((path) =>
      read(path)
        .replace(/\/\*[\s\S]*?\*\//g, '')
        .split(';')
        .some(
          (statement) =>
            statement.trim() !== '' && !/^export\s+(type\s+)?(\{|\*)/.test(statement.trim()),
        ),
    );
    expect(withCode).toEqual([]);
  });

  it('names only files and folders that are there in its documents', () => {
    const documents = tracked.filter((path) => /^(docs\/.*|README)\.md$/.test(path));
    const named = documents.flatMap((document) =>
      [...read(document).matchAll(/`((?:src|native|test|tools|config|models)\/[\w./-]*)`/g)].map(
        ([, path = '']) => ({ document, path }),
      ),
    );
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter(({ path }) => !existsSync(path))).toEqual([]);
  });
});
