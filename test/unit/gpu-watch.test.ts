import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { GpuWatch, parseSample } from '../../src/gpu-watch.ts';
import type { GpuSample } from '../../src/metrics/index.ts';

it('reads lines of nvidia-smi and nothing else', () => {
  expect(parseSample('7, 1024, 4096, 25, 312.5, 61')).toEqual({
    gpu: '7',
    usedBytes: 2 ** 30,
    totalBytes: 2 ** 32,
    utilization: 0.25,
    powerWatts: 312.5,
    temperatureCelsius: 61,
  });
  expect(parseSample('No devices were found')).toBeNull();
  expect(parseSample('0, [N/A], 4096, 25, 1, 1')).toBeNull();
  expect(parseSample('')).toBeNull();
});

it('reports what the tool prints until it is stopped', async () => {
  const tool = join(mkdtempSync(join(tmpdir(), 'gpu-watch-')), 'nvidia-smi');
  writeFileSync(
    tool,
    '#!/bin/sh\necho "0, 10, 20, 50, 100, 40"\necho "1, 1, 2, 3, 4, 5"\nsleep 60\n',
  );
  chmodSync(tool, 0o755);
  const samples = await new Promise<GpuSample[]>((resolve) => {
    const seen: GpuSample[] = [];
    const watch = new GpuWatch(
      1000,
      (sample) => {
        seen.push(sample);
        if (seen.length < 2) return;
        watch.stop();
        resolve(seen);
      },
      tool,
    );
  });
  expect(samples.map(({ gpu }) => gpu)).toEqual(['0', '1']);
});

it('is silent where there is no such tool', () => {
  new GpuWatch(1000, () => {}, '/nonexistent/nvidia-smi').stop();
});
