/** What this machine can do, measured now: by build/native/test/bench/machine_peaks. */
import { execFileSync } from 'node:child_process';

const PROGRAM = 'build/native/test/bench/machine_peaks';

export type Peaks = {
  readonly threads: number;
  readonly fmaGflops: number;
  /** 0 without AVX512-BF16. */
  readonly pairGflops: number;
  /** 0 without AMX. */
  readonly tileGflops: number;
  readonly readGbs: number;
};

export function measurePeaks(threads: number): Peaks {
  return JSON.parse(execFileSync(PROGRAM, [String(threads)]).toString()) as Peaks;
}

/** GB/s alone: it changes from minute to minute on shared machines. */
export function measureBandwidth(threads: number): number {
  const peaks = JSON.parse(execFileSync(PROGRAM, [String(threads), 'memory']).toString()) as Peaks;
  return peaks.readGbs;
}

/** The peak that the kernels of an instruction set can reach, in GFLOPS. */
export function computePeak(peaks: Peaks, isa: string): number {
  if (isa === 'amx') return peaks.tileGflops;
  if (isa === 'avx512_bf16') return peaks.pairGflops;
  return isa === 'avx512' ? peaks.fmaGflops : peaks.fmaGflops / 2;
}
