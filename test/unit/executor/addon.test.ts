import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { EtapError } from '../../../src/errors.ts';
import { loadAddon } from '../../../src/executor/addon.ts';

const folder = mkdtempSync(join(tmpdir(), 'etap-addon-'));
afterAll(() => rmSync(folder, { recursive: true }));

function refusal(path: string): EtapError {
  try {
    loadAddon(path);
  } catch (error) {
    if (error instanceof EtapError) return error;
  }
  throw new Error('no EtapError was thrown');
}

describe('loadAddon', () => {
  it('says that the addon is not built and how to build it', () => {
    const error = refusal(join(folder, 'missing.node'));
    expect(error.code).toBe('ETAP_ERR_ADDON');
    expect(error.message).toContain(`there is no ${join(folder, 'missing.node')}`);
    expect(error.message).toContain('npm run build');
  });

  it('says why a file does not load, and on what', () => {
    const path = join(folder, 'broken.node');
    writeFileSync(path, 'not a shared library');
    const error = refusal(path);
    expect(error.code).toBe('ETAP_ERR_ADDON');
    expect(error.message).toContain(path);
    expect(error.message).toContain(process.version);
    expect(error.message).toContain(process.arch);
  });

  it('refuses a module that is not the addon', () => {
    const path = join(folder, 'other.cjs');
    writeFileSync(path, 'module.exports = { Motor: class {} };');
    expect(refusal(path).message).toContain('lacks the class Engine');
  });
});
