/** What the HTTP side needs from the rest of the parent process. */
import type { FastifyBaseLogger } from 'fastify';
import type { Config } from '../config/index.ts';
import type { EngineClient, FinishRecord } from '../engine/index.ts';
import type { ApiKey } from '../keys/index.ts';
import type { HttpExchange, RequestOutcome } from '../metrics/index.ts';
import type { TextModel } from '../text/index.ts';
import type { Tracing } from '../tracing/index.ts';
import type { Clock } from './clock.ts';
import type { TlsFiles } from './tls.ts';

export type ServerDeps = {
  readonly config: Config;
  readonly engine: EngineClient;
  readonly text: TextModel;
  readonly metrics: HttpMetrics;
  /** Absent when tracing is off. */
  readonly tracing?: Pick<Tracing, 'onExchange'>;
  /** The name clients ask for. */
  readonly modelName: string;
  /** Version of Etap. */
  readonly version: string;
  /** Keys of the configuration and of its key file; none leaves every route open. */
  readonly apiKeys: readonly ApiKey[];
  /** Plain HTTP when absent or null. */
  readonly tls?: TlsFiles | null;
  /** Folder of the built playground; none is served when absent. */
  readonly pageFolder?: string;
  /** Fastify's silent logger when absent. */
  readonly logger?: FastifyBaseLogger;
  /** The system's clock when absent. */
  readonly clock?: Clock;
};

/** Measures one sequence from its submission to its end. */
export type SequenceTimeline = {
  onToken(): void;
  onFinish(finish: FinishRecord): void;
};

export type SequenceFacts = {
  readonly promptTokenCount: number;
  readonly maxTokens: number;
  readonly tenant: string;
};

export type SocketFigures = {
  readonly connections: number;
  /** Lanes that were used on the open connections. */
  readonly lanes: number;
  /** Bytes that wait for their readers. */
  readonly bufferedBytes: number;
};

/** What the HTTP side tells the metrics, and the one thing it asks of them. */
export type HttpMetrics = {
  readonly contentType: string;
  render(): Promise<string>;
  onExchange(exchange: HttpExchange): void;
  /** A request was refused for want of room. */
  onRejection(reason: 'queue_full' | 'rate_limit' | 'engine_not_ready' | 'shutting_down'): void;
  /** A request came without a key that the server has, or with one that may not do this. */
  onAuthFailure(): void;
  onClientGone(): void;
  /** A stream was cut off because its reader took nothing. */
  onSlowReader(): void;
  onStreamCount(openStreams: number): void;
  onDrain(): void;
  /** A generation request ended, answered or not. */
  onOutcome(outcome: RequestOutcome): void;
  /** What the sockets come to. */
  onSockets(sockets: SocketFigures): void;
  onRequest(completionsPerPrompt: number): void;
  startSequence(facts: SequenceFacts): SequenceTimeline;
};
