/** The HTTP server over fakes: what a test of the wire needs, and nothing that it does not ask for. */
import type { FastifyInstance } from 'fastify';
import { type Config, mergeConfig } from '../../src/config/index.ts';
import { buildServer, type HttpMetrics, type ServerDeps } from '../../src/http/index.ts';
import { type ApiKey, plainKey } from '../../src/keys/index.ts';
import { FakeTextModel } from './fake-text-model.ts';
import { type Script, ScriptedEngine } from './scripted-engine.ts';

/** Counts what it is told. */
export class CountingMetrics implements HttpMetrics {
  readonly contentType = 'text/plain; version=0.0.4; charset=utf-8';
  authFailures = 0;
  clientsGone = 0;
  slowReaders = 0;
  openStreams = 0;
  tokens = 0;
  readonly exchanges: Parameters<HttpMetrics['onExchange']>[0][] = [];
  readonly rejections: string[] = [];
  readonly finishReasons: string[] = [];

  async render() {
    return 'etap_requests_running 0\n';
  }
  onExchange(exchange: Parameters<HttpMetrics['onExchange']>[0]) {
    this.exchanges.push(exchange);
  }
  onRejection(reason: string) {
    this.rejections.push(reason);
  }
  onAuthFailure() {
    this.authFailures++;
  }
  onClientGone() {
    this.clientsGone++;
  }
  onSlowReader() {
    this.slowReaders++;
  }
  onDrain() {}
  onOutcome() {}
  onStreamCount(openStreams: number) {
    this.openStreams = openStreams;
  }
  sockets = { connections: 0, lanes: 0, bufferedBytes: 0 };
  onSockets(figures: { connections: number; lanes: number; bufferedBytes: number }) {
    this.sockets = figures;
  }
  onRequest() {}
  startSequence() {
    return {
      onToken: () => {
        this.tokens++;
      },
      onFinish: ({ reason }: { readonly reason: string }) => {
        this.finishReasons.push(reason);
      },
    };
  }
}

export type TestServer = {
  readonly app: FastifyInstance;
  readonly engine: ScriptedEngine;
  readonly text: FakeTextModel;
  readonly metrics: CountingMetrics;
};

export type TestServerOptions = {
  readonly script?: Script;
  readonly config?: { readonly [Section in keyof Config]?: Partial<Config[Section]> };
  readonly deps?: Partial<Omit<ServerDeps, 'apiKeys'>> & {
    /** Texts are keys that may do everything. */
    readonly apiKeys?: readonly (ApiKey | string)[];
  };
};

export const MODEL = 'test-model';

export function testServer({ script, config, deps }: TestServerOptions = {}): TestServer {
  const engine = new ScriptedEngine(script ?? null);
  const text = new FakeTextModel();
  const metrics = new CountingMetrics();
  const app = buildServer({
    config: withSettings(config ?? {}),
    engine,
    text,
    metrics,
    modelName: MODEL,
    version: '0.0.0-test',
    ...deps,
    apiKeys: (deps?.apiKeys ?? []).map((key) => (typeof key === 'string' ? keyOf(key) : key)),
  });
  return { app, engine, text, metrics };
}

const UNLIMITED = { requestsPerMinute: null, tokensPerMinute: null, concurrentRequests: null };

const keyOf = (key: string): ApiKey => plainKey(key, UNLIMITED);

export function withSettings(changes: NonNullable<TestServerOptions['config']>): Config {
  const { config } = mergeConfig([]);
  const merged = Object.entries(config).map(([name, section]) => [
    name,
    { ...section, ...changes[name as keyof Config] },
  ]);
  return Object.fromEntries(merged) as Config;
}

/** A script that says a text byte by byte and then stops by itself. */
export const saying =
  (text: string, endTokenId?: number): Script =>
  () => [...Buffer.from(text), ...(endTokenId === undefined ? [] : [endTokenId])];

/** Events of an SSE body: parsed JSON, and the closing mark as the string it is. */
export function sseEvents(body: string): unknown[] {
  return body
    .split('\n\n')
    .filter((block) => block !== '' && !block.startsWith(':'))
    .map((block) => {
      const data = block.replace(/^data: /, '');
      return data === '[DONE]' ? data : JSON.parse(data);
    });
}
