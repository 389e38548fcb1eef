import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  mergeConfig,
  readConfigText,
  renderFlagHelp,
  SETTINGS,
} from '../../../src/config/index.ts';
import { renderConfigDocument, renderDefaultFile } from '../../../tools/docs/config-document.ts';

const committed = (path: string): string =>
  readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

describe('documents made from the schema', () => {
  it('docs/config.md is up to date', () => {
    expect(committed('docs/config.md')).toBe(renderConfigDocument());
  });

  it('config/default.yaml is up to date and holds the defaults', () => {
    const text = committed('config/default.yaml');
    expect(text).toBe(renderDefaultFile());
    const { config } = mergeConfig(readConfigText(text, 'default.yaml'));
    expect(config).toEqual(mergeConfig([]).config);
  });

  it('the help names every short flag and setting', () => {
    const help = renderFlagHelp();
    expect(help).toContain('--kv-memory');
    expect(help).toContain('--engine.kvMemoryBytes');
    expect(help).toContain('[127.0.0.1]');
  });
});

it('every setting is read by some part of the server', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.startsWith('config/s'))
    .map((path) => readFileSync(join('src', path), 'utf8'));
  const unread = SETTINGS.filter(
    ({ key }) => !files.some((text) => new RegExp(`\\b${key}\\b`).test(text)),
  );
  expect(unread.map(({ path }) => path)).toEqual([]);
});
