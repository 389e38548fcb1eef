/** Etap against its peers: interleaved rounds, case after case, resumable. docs/benchmarks.md. */
import { startServer } from '../../verify/server.ts';
import { undisturbed } from '../noise.ts';
import { OfflineBench, type OfflineCase } from '../offline.ts';
import { measureBandwidth } from '../peaks.ts';
import { measureServing } from '../serving.ts';
import type { BenchDtype } from '../shapes.ts';
import { closedLoad } from '../suites.ts';
import { COMPARE_CASES, type CompareCase, type PeerRun } from './cases.ts';
import { type CompareConfig, loadCompareConfig } from './config.ts';
import { peerBatch, peerDecode, peerPrefill, startPeerServer } from './peer.ts';
import type { RunningProgram } from './program.ts';
import { Results, type Sample } from './results.ts';

const TRIES = 5;
const FILLED_TOKENS = 32_768;
const SERVING_REQUESTS = 64;

export type CompareOptions = {
  readonly configFile: string;
  /** Names of cases; undefined: all. */
  readonly cases: readonly string[] | undefined;
  readonly rounds: number;
  readonly threads: number;
  readonly checkpoint: (shape: string, dtype: BenchDtype) => string;
  readonly say: (line: string) => void;
};

type Speed = { readonly tokensPerSecond: number; readonly gapP99Ms?: number };
type Engine = { readonly name: string; readonly measure: () => Promise<Speed> };

/** What stays open from one case to the next: loading a model and filling a cache take long. */
class Bay {
  readonly #config: CompareConfig;
  readonly #options: CompareOptions;
  #bench: { readonly key: string; readonly bench: OfflineBench } | undefined;
  readonly #servers = new Map<string, RunningProgram>();

  constructor(config: CompareConfig, options: CompareOptions) {
    this.#config = config;
    this.#options = options;
  }

  async own(one: CompareCase): Promise<Engine> {
    const { own } = one;
    if (own.kind === 'serving') {
      const model = this.#options.checkpoint(one.shape, one.dtype);
      const server = await this.#server(`etap ${one.shape}`, () =>
        startServer([
          model,
          ...['--engine.threads', String(this.#options.threads), '--model.servedName', 'bench'],
          ...['--engine.maxSequences', String(own.streams), '--model.maxModelLen', '4096'],
        ]),
      );
      return { name: 'etap', measure: () => this.#serve(server.url, own.streams) };
    }
    const bench = await this.#openBench(one);
    return { name: 'etap', measure: () => bench.measure(own) };
  }

  async peer(one: CompareCase, run: PeerRun): Promise<Engine> {
    return { name: run.peer, measure: await this.#peerMeasure(one, run) };
  }

  async #peerMeasure(one: CompareCase, run: PeerRun): Promise<() => Promise<Speed>> {
    const { own } = one;
    const peer = this.#config.peers[run.peer];
    const { threads } = this.#options;
    if (own.kind === 'serving') {
      const context = String(own.streams * 512);
      const extra = ['-c', context, '-np', String(own.streams), ...peer.flags];
      const server = await this.#server(`${run.peer} serving`, () =>
        startPeerServer(peer, run.model, threads, extra),
      );
      return () => this.#serve(server.url, own.streams);
    }
    if (run.kind === 'batch' || (run.kind === 'turns' && own.kind === 'decode')) {
      const depth = own.kind === 'decode' ? own.depth : 0;
      const batch = run.batch ?? (own.kind === 'decode' ? own.batch : 1);
      return async () => ({
        tokensPerSecond: await peerBatch(peer, run.model, threads, { depth, batch }),
      });
    }
    const flags = run.kind === 'prefill' ? peer.prefillFlags : peer.flags;
    const context = own.kind === 'decode' ? FILLED_TOKENS + 256 : 8192 + 256;
    const server = await this.#server(`${run.peer} ${run.model} ${run.kind}`, () =>
      startPeerServer(peer, run.model, threads, ['-c', String(context), '-np', '1', ...flags]),
    );
    return async () => ({
      tokensPerSecond:
        own.kind === 'decode'
          ? await peerDecode(server.url, run.model, own.depth)
          : await peerPrefill(server.url, run.model, own.promptTokens),
    });
  }

  async #serve(url: string, streams: number): Promise<Speed> {
    const load = closedLoad(streams, SERVING_REQUESTS);
    const report = await measureServing({ url, model: 'bench' }, load);
    if (report.errors > 0) throw new Error(`${report.errors} requests failed`);
    return { tokensPerSecond: report.outputTokensPerSecond, gapP99Ms: report.gapMs.p99 };
  }

  async #server(key: string, start: () => Promise<RunningProgram>): Promise<RunningProgram> {
    const open = this.#servers.get(key);
    if (open !== undefined) return open;
    this.#options.say(`starting ${key}`);
    const server = await start();
    this.#servers.set(key, server);
    return server;
  }

  async #openBench(one: CompareCase): Promise<OfflineBench> {
    const key = `${one.shape} ${one.dtype}`;
    if (this.#bench?.key === key) return this.#bench.bench;
    await this.closeAll();
    const cases = COMPARE_CASES.filter((other) => `${other.shape} ${other.dtype}` === key)
      .map(({ own }) => own)
      .filter((own): own is OfflineCase => own.kind !== 'serving');
    this.#options.say(`etap ${key}: loading, and filling the cache`);
    const bench = await OfflineBench.open(
      {
        modelDir: this.#options.checkpoint(one.shape, one.dtype),
        isa: 'auto',
        threads: this.#options.threads,
        repetitions: 1,
        filledTokens: FILLED_TOKENS,
      },
      cases,
    );
    this.#bench = { key, bench };
    return bench;
  }

  async closeAll(): Promise<void> {
    await this.#bench?.bench.close();
    this.#bench = undefined;
    for (const server of this.#servers.values()) await server.stop();
    this.#servers.clear();
  }
}

async function runCase(
  bay: Bay,
  one: CompareCase,
  results: Results,
  { rounds, threads, say }: CompareOptions,
): Promise<void> {
  const names = ['etap', ...one.peers.map(({ peer }) => peer)];
  const missing = (name: string) => rounds - results.of(one.name, name).length;
  if (names.every((name) => missing(name) <= 0)) return;
  if (one.own.kind === 'serving') await bay.closeAll();
  const engines: Engine[] = [await bay.own(one)];
  for (const run of one.peers) engines.push(await bay.peer(one, run));
  // The first touch of memory and of a prompt is slow: it is dropped.
  for (const { measure } of engines) await measure();
  for (let round = 1; round <= rounds; round++) {
    const readGbs = measureBandwidth(threads);
    for (const { name, measure } of engines) {
      if (results.of(one.name, name).length >= round) continue;
      const { value, othersShare } = await undisturbed(TRIES, measure);
      const sample: Sample = {
        case: one.name,
        engine: name,
        round,
        ...value,
        othersShare,
        readGbs,
      };
      results.add(sample);
      const share = (100 * othersShare).toFixed(1);
      say(`${one.name} ${name} ${value.tokensPerSecond.toFixed(1)} tok/s, others ${share} %`);
    }
  }
}

export async function compareWithPeers(options: CompareOptions): Promise<void> {
  const config = loadCompareConfig(options.configFile);
  const results = new Results(config.results);
  const wanted = COMPARE_CASES.filter(
    ({ name }) => options.cases === undefined || options.cases.some((part) => name.includes(part)),
  );
  const bay = new Bay(config, options);
  try {
    for (const one of wanted) await runCase(bay, one, results, options);
  } finally {
    await bay.closeAll();
  }
  process.stdout.write(`${results.table(COMPARE_CASES)}\n`);
}
