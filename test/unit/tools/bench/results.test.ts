/** A comparison is kept in a file, goes on from it, and names the better peer. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { COMPARE_CASES } from '../../../../tools/bench/compare/cases.ts';
import { Results, type Sample } from '../../../../tools/bench/compare/results.ts';

const CASE = 'decode-S-bf16-4096';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'etap-results-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const sample = (engine: string, tokensPerSecond: number): Sample => ({
  case: CASE,
  engine,
  round: 1,
  tokensPerSecond,
  othersShare: 0.01,
  readGbs: 44,
});

function tableOf(speeds: Readonly<Record<string, readonly number[]>>): string {
  const results = new Results(join(folder, 'results.json'));
  for (const [engine, values] of Object.entries(speeds)) {
    for (const value of values) results.add(sample(engine, value));
  }
  return results.table(COMPARE_CASES);
}

describe('results', () => {
  it('divides the median by that of the better peer', () => {
    const table = tableOf({
      etap: [150, 1, 200],
      'ik_llama.cpp': [100, 100, 5],
      'llama.cpp': [50, 50, 400],
    });
    expect(table).toContain('| 1.50 | 1.15 | stretch |');
  });

  it('says when a target is missed', () => {
    expect(tableOf({ etap: [100], 'ik_llama.cpp': [100] })).toContain('| 1.00 | 1.15 | no |');
  });

  it('leaves out cases that were not measured', () => {
    expect(tableOf({ etap: [100], 'ik_llama.cpp': [50] }).split('\n')).toHaveLength(3);
  });

  it('goes on from the file', () => {
    const file = join(folder, 'results.json');
    new Results(file).add(sample('etap', 7));
    expect(new Results(file).of(CASE, 'etap')).toHaveLength(1);
  });
});
