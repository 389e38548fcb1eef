/**
 * Looks at the GPUs now and then through nvidia-smi, a process of its own: a driver that hangs must
 * not hang the server. Where there is none, nothing is ever reported.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { GpuSample } from './metrics/index.ts';

const FIELDS = 'index,memory.used,memory.total,utilization.gpu,power.draw,temperature.gpu';
const MIB = 1024 * 1024;
const PERCENT = 100;

export class GpuWatch {
  readonly #child: ChildProcess;

  /** Watches until `stop`; a tool that is missing or ends is not started again. */
  constructor(periodMs: number, onSample: (sample: GpuSample) => void, command = 'nvidia-smi') {
    const query = [`--query-gpu=${FIELDS}`, '--format=csv,noheader,nounits'];
    this.#child = spawn(command, [...query, `--loop-ms=${periodMs}`], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#child.on('error', () => {});
    if (this.#child.stdout === null) return;
    createInterface(this.#child.stdout).on('line', (line) => {
      const sample = parseSample(line);
      if (sample !== null) onSample(sample);
    });
  }

  stop(): void {
    this.#child.kill();
  }
}

/** One line of comma-separated values: MiB, percent, watts, degrees. Null for anything else. */
export function parseSample(line: string): GpuSample | null {
  const [gpu = '', ...cells] = line.split(',').map((cell) => cell.trim());
  const [usedMib = NaN, totalMib = NaN, percent = NaN, powerWatts = NaN, temperatureCelsius = NaN] =
    cells.map(Number);
  if (!/^\d+$/.test(gpu) || !Number.isFinite(usedMib) || !Number.isFinite(totalMib)) return null;
  return {
    gpu,
    usedBytes: usedMib * MIB,
    totalBytes: totalMib * MIB,
    utilization: percent / PERCENT,
    powerWatts,
    temperatureCelsius,
  };
}
