/** The simulation has teeth: every planted bug is found. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findMutants } from '../../tools/simulate/mutation.ts';

const SEEDS = 300;
const TIMEOUT_MS = 600_000;

it(
  `finds every planted bug within ${SEEDS} seeds`,
  () => {
    const compiled = mkdtempSync(join(tmpdir(), 'etap-compiled-'));
    try {
      const compiler = 'node_modules/typescript/bin/tsc';
      execFileSync(process.execPath, [compiler, '-p', 'tsconfig.tools.json', '--outDir', compiled]);
      const missed = findMutants(compiled, SEEDS).filter(({ found }) => found === null);
      expect(missed.map(({ mutant }) => mutant)).toEqual([]);
    } finally {
      rmSync(compiled, { recursive: true });
    }
  },
  TIMEOUT_MS,
);
