/** What a run of the benchmark found, as JSON and as a table. */
import { cpus } from 'node:os';
import type { OfflineCase } from './offline.ts';
import type { Peaks } from './peaks.ts';
import type { ServingReport } from './serving.ts';
import type { BenchDtype } from './shapes.ts';

export type OfflineRow = {
  readonly shape: string;
  readonly dtype: BenchDtype;
  readonly case: OfflineCase;
  readonly tokensPerSecond: number;
  readonly lowest: number;
  readonly highest: number;
  /** Tokens a second at the roofs of this run. */
  readonly floorTokensPerSecond: number;
  readonly fractionOfFloor: number;
  readonly readGbs: number;
  readonly othersShare: number;
};

export type ServingRow = {
  readonly target: string;
  readonly report: ServingReport;
  readonly othersShare: number;
};

export type BenchReport = {
  readonly machine: string;
  readonly node: string;
  readonly isa: string;
  readonly peaks: Peaks;
  readonly offline: OfflineRow[];
  readonly serving: ServingRow[];
};

export const machineName = () => `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}`;

export function caseName(one: OfflineCase): string {
  if (one.kind === 'prefill') return `prefill ${one.promptTokens}`;
  return `decode ${one.batch} x depth ${one.depth}`;
}

const percent = (share: number) => `${(100 * share).toFixed(0)} %`;

export function offlineLine(row: OfflineRow): string {
  const name = `${row.shape} ${row.dtype} ${caseName(row.case)}`;
  return (
    `${name.padEnd(34)} ${row.tokensPerSecond.toFixed(1).padStart(8)} tok/s ` +
    `[${row.lowest.toFixed(1)}-${row.highest.toFixed(1)}], ` +
    `${percent(row.fractionOfFloor)} of ${row.floorTokensPerSecond.toFixed(0)} at ` +
    `${row.readGbs.toFixed(1)} GB/s, others ${percent(row.othersShare)}`
  );
}

export function servingLine({ target, report, othersShare }: ServingRow): string {
  const { load, firstTokenMs, gapMs } = report;
  const rate = load.arrivals === 'closed' ? `${load.rate} streams` : `${load.rate} requests/s`;
  return (
    `${`${target} ${rate}`.padEnd(34)} ${report.outputTokensPerSecond.toFixed(1).padStart(8)} tok/s, ` +
    `first token ${firstTokenMs.p50.toFixed(0)} / ${firstTokenMs.p99.toFixed(0)} ms, ` +
    `gap ${gapMs.p50.toFixed(1)} / ${gapMs.p99.toFixed(1)} ms (p50 / p99), ` +
    `goodput ${report.goodput.toFixed(2)}/s, errors ${report.errors}, others ${percent(othersShare)}`
  );
}
