/** All metrics of one server: the HTTP side and the wiring report here, GET /metrics reads here. */
import type { MetricsConfig } from '../config/index.ts';
import { EngineMetrics } from './engine-metrics.ts';
import { Exposition } from './exposition.ts';
import { Instruments } from './instruments.ts';
import { type Objectives, RequestTimeline, type SequenceFacts } from './request-timeline.ts';
import { TenantUsage } from './tenant-usage.ts';

export type HttpExchange = {
  /** Template of the route, never the path that was sent. */
  readonly route: string;
  readonly method: string;
  readonly status: number;
  readonly seconds: number;
};

/** Label values that exist from the start, so that the first event is seen as an increase. */
const FINISH_REASONS = ['stop', 'length', 'abort', 'error'];
const OUTCOMES = ['ok', 'error', 'aborted', 'client_gone', 'invalid', 'rejected'] as const;
const SLO_RESULTS = ['met', 'missed'];
const REJECTIONS = ['queue_full', 'rate_limit', 'engine_not_ready', 'shutting_down'] as const;

const MS_PER_SECOND = 1000;

/** Other methods are counted together: a label must stay bounded. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** `invalid` was the client's fault, `rejected` for want of room. */
export type RequestOutcome = (typeof OUTCOMES)[number];

export class Metrics {
  readonly engine: EngineMetrics;
  readonly #instruments: Instruments;
  readonly #exposition: Exposition;
  readonly #tenants: TenantUsage;
  readonly #objectives: Objectives;
  readonly #now: () => number;

  /** @param now milliseconds that only grow */
  constructor(
    config: MetricsConfig,
    modelName: string,
    now: () => number = () => performance.now(),
  ) {
    this.#instruments = new Instruments(modelName);
    this.engine = new EngineMetrics(this.#instruments);
    this.#tenants = new TenantUsage(this.#instruments, config.tenantsMax);
    this.#objectives = { firstTokenMs: config.sloFirstTokenMs, tokenMs: config.sloTokenMs };
    this.#now = now;
    this.#exposition = new Exposition({
      instruments: this.#instruments,
      modelName,
      vllmAliases: config.vllmAliases,
      cacheMs: config.cacheMs,
      now,
    });
    this.#startAtZero();
  }

  get contentType(): string {
    return this.#exposition.contentType;
  }

  render(): Promise<string> {
    return this.#exposition.render();
  }

  onExchange({ route, method, status, seconds }: HttpExchange): void {
    const labels = { route, method: METHODS.includes(method) ? method : 'other' };
    const requests = this.#instruments.counter('etap_http_requests_total');
    requests.inc({ ...labels, status: String(status) });
    this.#instruments.histogram('etap_http_request_duration_seconds').observe(labels, seconds);
  }

  /** A request was refused for want of room. */
  onRejection(reason: (typeof REJECTIONS)[number]): void {
    this.#instruments.counter('etap_admission_rejections_total').inc({ reason });
  }

  onAuthFailure(): void {
    this.#instruments.counter('etap_auth_failures_total').inc();
  }

  /** Keys and certificate were read again, or could not be. */
  onReload(successful: boolean): void {
    this.#instruments.gauge('etap_config_last_reload_successful').set(successful ? 1 : 0);
  }

  onClientGone(): void {
    this.#instruments.counter('etap_client_disconnects_total').inc();
  }

  onSlowReader(): void {
    this.#instruments.counter('etap_slow_readers_cut_total').inc();
  }

  onStreamCount(openStreams: number): void {
    this.#instruments.gauge('etap_sse_streams').set(openStreams);
  }

  onDrain(): void {
    this.#instruments.gauge('etap_draining').set(1);
  }

  /** A generation request ended, answered or not. */
  onOutcome(outcome: RequestOutcome): void {
    this.#instruments.counter('etap_requests_total').inc({ outcome });
  }

  onSockets(figures: {
    readonly connections: number;
    readonly lanes: number;
    readonly bufferedBytes: number;
  }): void {
    this.#instruments.gauge('etap_ws_connections').set(figures.connections);
    this.#instruments.gauge('etap_ws_lanes').set(figures.lanes);
    this.#instruments.gauge('etap_ws_buffered_bytes').set(figures.bufferedBytes);
  }

  onRequest(completionsPerPrompt: number): void {
    this.#instruments.histogram('etap_request_params_n').observe(completionsPerPrompt);
  }

  startSequence(facts: SequenceFacts): RequestTimeline {
    return new RequestTimeline(facts, {
      instruments: this.#instruments,
      tenants: this.#tenants,
      objectives: this.#objectives,
      now: this.#now,
    });
  }

  #startAtZero(): void {
    this.onReload(true);
    for (const outcome of OUTCOMES) {
      this.#instruments.counter('etap_requests_total').inc({ outcome }, 0);
    }
    for (const result of SLO_RESULTS) {
      this.#instruments.counter('etap_slo_sequences_total').inc({ result }, 0);
    }
    const { firstTokenMs, tokenMs } = this.#objectives;
    const objective = this.#instruments.gauge('etap_slo_seconds');
    objective.set({ objective: 'first_token' }, firstTokenMs / MS_PER_SECOND);
    objective.set({ objective: 'token' }, tokenMs / MS_PER_SECOND);
    for (const finished_reason of FINISH_REASONS) {
      this.#instruments.counter('etap_requests_finished_total').inc({ finished_reason }, 0);
    }
    for (const reason of REJECTIONS) {
      this.#instruments.counter('etap_admission_rejections_total').inc({ reason }, 0);
    }
  }
}
