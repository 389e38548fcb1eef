/** Plants each bug of mutants.ts in a copy of the compiled code and looks whether it is found. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MUTANTS, type Mutant } from './mutants.ts';

export type Finding = {
  readonly mutant: string;
  /** First failing seed and what failed, or null when the bug went unnoticed. */
  readonly found: string | null;
};

/** @param compiled folder with src/ and tools/ as tsconfig.tools.json compiles them */
export function findMutants(compiled: string, seeds: number): readonly Finding[] {
  return MUTANTS.map((mutant) => ({
    mutant: mutant.name,
    found: withMutant(compiled, mutant, (folder) => simulate(folder, seeds)),
  }));
}

function withMutant<T>(compiled: string, mutant: Mutant, work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'etap-mutant-'));
  try {
    cpSync(compiled, folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    plant(join(folder, 'src', mutant.file), mutant);
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function plant(path: string, { name, find, replace }: Mutant): void {
  const parts = readFileSync(path, 'utf8').split(find);
  if (parts.length !== 2) {
    throw new Error(`"${name}" fits ${parts.length - 1} places of ${path}: ${find}`);
  }
  writeFileSync(path, parts.join(replace));
}

function simulate(folder: string, seeds: number): string | null {
  const main = join(folder, 'tools/simulate/main.js');
  const run = spawnSync(process.execPath, [main, '--job', '--seeds', String(seeds)], {
    encoding: 'utf8',
  });
  if (run.status === 0) return null;
  return run.stderr.split('\n')[0] ?? '';
}
