/**
 * `npm run bench`: how fast the engine and the server are on this machine, and how near to what the
 * machine can do. docs/benchmarks.md explains every case and figure.
 *   npm run bench -- --quick                 Etap's side of the comparison, in minutes
 *   npm run bench -- --compare CONFIG.json   against llama.cpp and ik_llama.cpp
 *   npm run bench -- --target URL --model M  the serving part against any OpenAI-compatible server
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startServer } from '../verify/server.ts';
import { compareWithPeers } from './compare/compare.ts';
import { undisturbed } from './noise.ts';
import { OfflineBench, type OfflineCase } from './offline.ts';
import { computePeak, measureBandwidth, measurePeaks, type Peaks } from './peaks.ts';
import { renderSvg } from './plot.ts';
import {
  type BenchReport,
  machineName,
  type OfflineRow,
  offlineLine,
  servingLine,
} from './report.ts';
import { floorSpeed } from './rooflines.ts';
import { measureServing, type ServingLoad } from './serving.ts';
import { type BenchDtype, SHAPES } from './shapes.ts';
import { FULL_SUITES, QUICK_SUITES, type Suite, servingLoads } from './suites.ts';
import { writeCheckpoint } from './write-checkpoint.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    shapes: { type: 'string', default: 'S,M' },
    parts: { type: 'string', default: 'offline,serving' },
    threads: { type: 'string', default: String(availableParallelism()) },
    isa: { type: 'string', default: 'auto' },
    repetitions: { type: 'string' },
    folder: { type: 'string', default: 'build/bench' },
    json: { type: 'string' },
    plot: { type: 'string' },
    target: { type: 'string' },
    model: { type: 'string', default: 'bench' },
    compare: { type: 'string' },
    cases: { type: 'string' },
    rounds: { type: 'string', default: '5' },
  },
});

const threads = Number(values.threads);
const parts = values.parts.split(',');
const say = (line: string) => process.stderr.write(`${line}\n`);

/** The folder of a generated checkpoint; written at the first use. */
function checkpoint(shapeName: string, dtype: BenchDtype): string {
  const shape = SHAPES[shapeName];
  if (shape === undefined) throw new Error(`no shape ${shapeName}; use ${Object.keys(SHAPES)}`);
  const folder = join(values.folder, `${shapeName}-${dtype}`);
  mkdirSync(values.folder, { recursive: true });
  writeCheckpoint(shape, dtype, folder);
  return folder;
}

async function measureCase(
  bench: OfflineBench,
  { shape: name, dtype }: Suite,
  one: OfflineCase,
  peaks: Peaks,
): Promise<OfflineRow> {
  const shape = SHAPES[name];
  if (shape === undefined) throw new Error(`no shape ${name}`);
  const readGbs = measureBandwidth(threads);
  const { value, othersShare } = await undisturbed(1, () => bench.measure(one));
  const gflops = computePeak(peaks, bench.info.isa);
  const floor = floorSpeed(shape, dtype, one, { gflops, readGbs });
  return {
    shape: name,
    dtype,
    ...value,
    floorTokensPerSecond: floor,
    fractionOfFloor: value.tokensPerSecond / floor,
    readGbs,
    othersShare,
  };
}

async function runSuite(suite: Suite, peaks: Peaks, rows: OfflineRow[]): Promise<string> {
  const options = {
    modelDir: checkpoint(suite.shape, suite.dtype),
    isa: values.isa,
    threads,
    repetitions: Number(values.repetitions ?? suite.repetitions),
    filledTokens: suite.filledTokens,
  };
  say(`${suite.shape} ${suite.dtype}: loading, and filling the cache`);
  const bench = await OfflineBench.open(options, suite.cases);
  for (const one of suite.cases) {
    const row = await measureCase(bench, suite, one, peaks);
    rows.push(row);
    say(offlineLine(row));
  }
  await bench.close();
  return bench.info.isa;
}

async function runServing(loads: readonly ServingLoad[], report: BenchReport): Promise<void> {
  const own =
    values.target === undefined
      ? await startServer([
          checkpoint('S', 'bf16'),
          ...['--engine.threads', String(threads), '--engine.maxSequences', '32'],
          ...['--model.maxModelLen', '4096', '--model.servedName', values.model],
        ])
      : undefined;
  const url = values.target ?? own?.url ?? '';
  const target = { url, model: values.model };
  for (const load of loads) {
    const measured = await undisturbed(1, () => measureServing(target, load));
    const row = {
      target: values.target ?? 'etap',
      report: measured.value,
      othersShare: measured.othersShare,
    };
    report.serving.push(row);
    say(servingLine(row));
  }
  await own?.stop();
}

async function run(): Promise<void> {
  const suites = (values.quick ? QUICK_SUITES : FULL_SUITES).filter(({ shape }) =>
    values.shapes.split(',').includes(shape),
  );
  const peaks = measurePeaks(threads);
  say(`${machineName()}: ${JSON.stringify(peaks)}`);
  const offline: OfflineRow[] = [];
  let isa = values.isa;
  if (parts.includes('offline') && values.target === undefined) {
    for (const suite of suites) isa = await runSuite(suite, peaks, offline);
  }
  const report: BenchReport = {
    machine: machineName(),
    node: process.version,
    isa,
    peaks,
    offline,
    serving: [],
  };
  if (parts.includes('serving')) await runServing(servingLoads(values.quick), report);
  const json = `${JSON.stringify(report, null, 2)}\n`;
  if (values.json === undefined) process.stdout.write(json);
  else writeFileSync(values.json, json);
  if (values.plot !== undefined) writeFileSync(values.plot, renderSvg(report));
}

if (values.compare === undefined) {
  await run();
} else {
  await compareWithPeers({
    configFile: values.compare,
    cases: values.cases?.split(','),
    rounds: Number(values.rounds),
    threads,
    checkpoint,
    say,
  });
}
