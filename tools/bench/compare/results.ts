/** Every measurement of a comparison, kept in one file so that a run can be stopped and go on. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { OTHERS_SHARE_MAX } from '../noise.ts';
import type { CompareCase } from './cases.ts';

export type Sample = {
  readonly case: string;
  readonly engine: string;
  readonly round: number;
  readonly tokensPerSecond: number;
  readonly othersShare: number;
  readonly readGbs: number;
  /** Serving: 99th percentile between two tokens. */
  readonly gapP99Ms?: number;
};

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export class Results {
  readonly #file: string;
  readonly samples: Sample[];

  constructor(file: string) {
    this.#file = file;
    this.samples = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Sample[]) : [];
  }

  add(sample: Sample): void {
    this.samples.push(sample);
    mkdirSync(dirname(this.#file), { recursive: true });
    writeFileSync(this.#file, `${JSON.stringify(this.samples, null, 1)}\n`);
  }

  of(name: string, engine: string): Sample[] {
    return this.samples.filter((sample) => sample.case === name && sample.engine === engine);
  }

  /** Median [lowest - highest] and how many were undisturbed. */
  #cell(name: string, engine: string): string {
    const samples = this.of(name, engine);
    const speeds = samples.map(({ tokensPerSecond }) => tokensPerSecond);
    const clean = samples.filter(({ othersShare }) => othersShare <= OTHERS_SHARE_MAX).length;
    const range = `${Math.min(...speeds).toFixed(1)}-${Math.max(...speeds).toFixed(1)}`;
    return `${median(speeds).toFixed(1)} [${range}] ${clean}/${samples.length}`;
  }

  /** A Markdown table with the ratio to the better peer. */
  table(cases: readonly CompareCase[]): string {
    const lines = [
      '| case | Etap tok/s | ik_llama.cpp | llama.cpp | GB/s | ratio | at least | reached |',
      '|---|---|---|---|---|---|---|---|',
    ];
    for (const one of cases) {
      const own = this.of(one.name, 'etap');
      if (own.length === 0) continue;
      const speed = (engine: string) =>
        median(this.of(one.name, engine).map(({ tokensPerSecond }) => tokensPerSecond));
      const peers = ['ik_llama.cpp', 'llama.cpp'].filter(
        (peer) => this.of(one.name, peer).length > 0,
      );
      const ratio = speed('etap') / Math.max(...peers.map(speed));
      const cells = ['etap', 'ik_llama.cpp', 'llama.cpp'].map((engine) =>
        engine === 'etap' || peers.includes(engine) ? this.#cell(one.name, engine) : '',
      );
      const bandwidth = median(own.map(({ readGbs }) => readGbs)).toFixed(1);
      const verdict = ratio >= one.stretch ? 'stretch' : ratio >= one.target ? 'yes' : 'no';
      lines.push(
        `| ${one.name} | ${cells.join(' | ')} | ${bandwidth} | ${ratio.toFixed(2)} | ${one.target} | ${verdict} |`,
      );
    }
    return lines.join('\n');
  }
}
