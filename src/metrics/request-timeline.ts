/** Measures one sequence from its submission to its end. */
import type { Instruments } from './instruments.ts';
import type { TenantUsage } from './tenant-usage.ts';

export type SequenceFacts = {
  readonly promptTokenCount: number;
  readonly maxTokens: number;
  /** '' is the anonymous tenant. */
  readonly tenant: string;
};

/** What was promised; a sequence meets it when both hold. */
export type Objectives = {
  /** To the first token. */
  readonly firstTokenMs: number;
  /** For each further token, on average. */
  readonly tokenMs: number;
};

type Parts = {
  readonly instruments: Instruments;
  readonly tenants: TenantUsage;
  readonly objectives: Objectives;
  /** Milliseconds that only grow. */
  readonly now: () => number;
};

/** What is read of the engine's finish record; its times are counted from arrival in the engine. */
export type SequenceEnd = {
  readonly reason: string;
  readonly cachedTokenCount: number;
  readonly completionTokenCount: number;
  readonly queuedMs: number;
  readonly firstTokenMs: number;
  readonly totalMs: number;
};

const MS_PER_SECOND = 1000;

export class RequestTimeline {
  readonly #parts: Parts;
  readonly #facts: SequenceFacts;
  readonly #startMs: number;
  #firstTokenMs = 0;
  #lastTokenMs = 0;
  #tokenCount = 0;

  constructor(facts: SequenceFacts, parts: Parts) {
    this.#parts = parts;
    this.#facts = facts;
    this.#startMs = parts.now();
  }

  onToken(): void {
    const nowMs = this.#parts.now();
    if (this.#tokenCount === 0) {
      this.#firstTokenMs = nowMs;
      this.#observe('etap_time_to_first_token_seconds', nowMs - this.#startMs);
    } else {
      this.#observe('etap_inter_token_latency_seconds', nowMs - this.#lastTokenMs);
    }
    this.#lastTokenMs = nowMs;
    this.#tokenCount++;
    this.#parts.instruments.counter('etap_generation_tokens_total').inc();
  }

  onFinish(end: SequenceEnd): void {
    const instruments = this.#parts.instruments;
    const finished = instruments.counter('etap_requests_finished_total');
    finished.inc({ finished_reason: end.reason });
    // A stop token is generated but not emitted.
    const unseen = Math.max(0, end.completionTokenCount - this.#tokenCount);
    instruments.counter('etap_generation_tokens_total').inc(unseen);
    const { promptTokenCount, maxTokens, tenant } = this.#facts;
    this.#parts.tenants.add(tenant, { ...end, promptTokenCount });
    this.#judge(end.reason);
    instruments.histogram('etap_request_prompt_tokens').observe(promptTokenCount);
    instruments.histogram('etap_request_generation_tokens').observe(end.completionTokenCount);
    instruments.histogram('etap_request_max_num_generation_tokens').observe(maxTokens);
    this.#observe('etap_e2e_request_latency_seconds', this.#parts.now() - this.#startMs);
    this.#observe('etap_request_queue_time_seconds', end.queuedMs);
    if (end.completionTokenCount > 0) this.#observePhases(end);
  }

  /** Against the objectives, by the times that the HTTP process saw. */
  #judge(reason: string): void {
    if (reason === 'abort') return;
    const { firstTokenMs, tokenMs } = this.#parts.objectives;
    const meanMs = (this.#lastTokenMs - this.#firstTokenMs) / Math.max(1, this.#tokenCount - 1);
    const isMet =
      reason !== 'error' && this.#firstTokenMs - this.#startMs <= firstTokenMs && meanMs <= tokenMs;
    const judged = this.#parts.instruments.counter('etap_slo_sequences_total');
    judged.inc({ result: isMet ? 'met' : 'missed' });
  }

  #observePhases({ completionTokenCount, queuedMs, firstTokenMs, totalMs }: SequenceEnd): void {
    const decodeMs = totalMs - firstTokenMs;
    this.#observe('etap_request_prefill_time_seconds', firstTokenMs - queuedMs);
    this.#observe('etap_request_decode_time_seconds', decodeMs);
    this.#observe('etap_request_inference_time_seconds', totalMs - queuedMs);
    if (completionTokenCount > 1) {
      const meanMs = decodeMs / (completionTokenCount - 1);
      this.#observe('etap_request_time_per_output_token_seconds', meanMs);
    }
  }

  #observe(name: Parameters<Instruments['histogram']>[0], ms: number): void {
    this.#parts.instruments.histogram(name).observe(Math.max(0, ms) / MS_PER_SECOND);
  }
}
