/**
 * What metrics and tracing cost: the same requests to a server with both, scraped each second and
 * traced completely, and to one with neither, in turns. The engine is simulated: its steps take the
 * time of an H20 node whatever else the machine does, and leave its cores to the HTTP process.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RunningServer } from '../../server.ts';
import type { Check } from '../check.ts';
import { complete, KEYS, promptOf, serveModel } from '../served-model.ts';

const TURNS = 9;
const SIMULATED = ['--executor', 'simulated'];
const STREAMS = 64;
const TOKENS = 64;
const SCRAPE_MS = 1000;
const OVERHEAD_MAX = 0.02;

export const overheadCheck: Check = {
  name: 'overhead',
  async run() {
    const collector = await startCollector();
    const measured = await serveModel(...SIMULATED, '--tracing.endpoint', collector.endpoint);
    const plain = await serveModel(...SIMULATED, '--no-metrics.enabled');
    const scraper = setInterval(() => void fetch(`${measured.url}/metrics`), SCRAPE_MS);
    try {
      for (const server of [plain, measured]) await runTurn(server, 0);
      const pairs: Pair[] = [];
      for (let turn = 1; turn <= TURNS; turn++) {
        // Neither always runs first.
        const first = turn % 2 === 0 ? plain : measured;
        const a = await runTurn(first, turn);
        const b = await runTurn(first === plain ? measured : plain, turn);
        pairs.push(first === plain ? { plain: a, measured: b } : { plain: b, measured: a });
      }
      return report(pairs, collector.batches());
    } finally {
      clearInterval(scraper);
      await Promise.all([measured.stop(), plain.stop()]);
      collector.close();
    }
  },
};

type Turn = { readonly tokensPerSecond: number; readonly cpuMsPerToken: number };
type Pair = { readonly plain: Turn; readonly measured: Turn };

async function runTurn(server: RunningServer, turn: number): Promise<Turn> {
  const cpuMs = cpuMsOf(server.pid);
  const startMs = performance.now();
  const answers = await Promise.all(
    Array.from({ length: STREAMS }, (_, index) =>
      complete(server, {
        key: KEYS[index % 2] ?? KEYS[0],
        prompt: promptOf(60, turn * STREAMS + index),
        maxTokens: TOKENS,
      }),
    ),
  );
  const tokens = answers.reduce((sum, answer) => sum + answer.tokens, 0);
  if (tokens !== STREAMS * TOKENS) throw new Error(`${tokens} tokens came`);
  return {
    tokensPerSecond: (tokens / (performance.now() - startMs)) * 1000,
    cpuMsPerToken: (cpuMsOf(server.pid) - cpuMs) / tokens,
  };
}

/** User and system time of a process; /proc counts in hundredths of a second. */
function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function report(pairs: readonly Pair[], batches: number) {
  const plain = median(pairs.map((pair) => pair.plain.tokensPerSecond));
  const measured = median(pairs.map((pair) => pair.measured.tokensPerSecond));
  const loss =
    1 - median(pairs.map((pair) => pair.measured.tokensPerSecond / pair.plain.tokensPerSecond));
  const cpu = (of: (pair: Pair) => Turn) => median(pairs.map((pair) => of(pair).cpuMsPerToken));
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  const failures: string[] = [];
  if (loss > OVERHEAD_MAX) failures.push(`throughput is ${percent(loss)} lower`);
  if (batches === 0) failures.push('no spans reached the collector');
  return {
    figures: [
      `throughput ${measured.toFixed(0)} tokens/s with metrics, aliases and traces, ` +
        `${plain.toFixed(0)} without: ${percent(Math.abs(loss))} ${loss > 0 ? 'lower' : 'higher'} (median of ${TURNS} pairs)`,
      `HTTP process: ${cpu(({ measured: turn }) => turn).toFixed(3)} ms of processor time a token ` +
        `with, ${cpu(({ plain: turn }) => turn).toFixed(3)} without; ${batches} batches of spans`,
    ],
    failures,
  };
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function startCollector() {
  let batches = 0;
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      batches++;
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    batches: () => batches,
    close: () => server.close(),
  };
}
