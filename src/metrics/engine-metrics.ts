/** Metrics of the engine, from the figures it sends with each step. */
import type { Instruments } from './instruments.ts';

/** Where the time of a step went, microseconds; the bytes are latent KV. */
type Profile = {
  readonly latentAttentionMicros: number;
  readonly attentionMicros: number;
  readonly expertsMicros: number;
  readonly linearMicros: number;
  readonly reduceMicros: number;
  readonly otherMicros: number;
  readonly samplingMicros: number;
  readonly latentBytes: number;
};

/** The figures read here; the engine's step message carries them under these names. */
export type EngineFigures = {
  readonly runningCount: number;
  readonly waitingCount: number;
  readonly blocksTotal: number;
  readonly blocksCached: number;
  readonly blocksUsed: number;
  readonly prefixQueriedTokens: number;
  readonly prefixHitTokens: number;
  readonly preemptionCount: number;
  readonly recomputedTokens: number;
  readonly prefillTokens: number;
  readonly nanRowCount: number;
  readonly stepMs: number;
  readonly scheduleMs: number;
  readonly profile: Profile | null;
  readonly stepPrefillTokens: number;
  readonly stepDecodeTokens: number;
  readonly oldestWaitMs: number;
  readonly blockedReason: string;
};

/** Facts of the loaded engine. */
export type EngineFacts = {
  readonly backend: string;
  readonly isa: string;
  readonly dtype: string;
  readonly blockSize: number;
  readonly blockCount: number;
};

/** One look at one GPU. */
export type GpuSample = {
  readonly gpu: string;
  readonly usedBytes: number;
  readonly totalBytes: number;
  /** 0 to 1 */
  readonly utilization: number;
  readonly powerWatts: number;
  readonly temperatureCelsius: number;
};

const BLOCKED_REASONS = ['slots', 'blocks', 'budget'];
const MS_PER_SECOND = 1000;
const MICROS_PER_SECOND = 1e6;

/** Totals of an engine process begin at 0 again when it is restarted. */
const ZERO_TOTALS = {
  promptTokens: 0,
  prefixQueriedTokens: 0,
  prefixHitTokens: 0,
  preemptionCount: 0,
  recomputedTokens: 0,
  nanRowCount: 0,
};

type Totals = typeof ZERO_TOTALS;

export class EngineMetrics {
  readonly #instruments: Instruments;
  #totals: Totals = ZERO_TOTALS;
  #restartCount = 0;

  constructor(instruments: Instruments) {
    this.#instruments = instruments;
    this.#idle();
  }

  /** The engine is ready: what it is, from now on. */
  onReady(
    facts: EngineFacts,
    options: { readonly version: string; readonly prefixCache: boolean },
  ) {
    const { backend, isa, dtype, blockSize, blockCount } = facts;
    const info = this.#instruments.gauge('etap_build_info');
    info.reset();
    info.set({ version: options.version, backend, isa, dtype }, 1);
    const cache = this.#instruments.gauge('etap_cache_config_info');
    cache.reset();
    cache.set(
      {
        block_size: String(blockSize),
        num_blocks: String(blockCount),
        enable_prefix_caching: String(options.prefixCache),
        kv_cache_size_tokens: String(blockSize * blockCount),
      },
      1,
    );
    this.#instruments.gauge('etap_engine_ready').set(1);
  }

  /** The engine is restarting, failed or stopped: nothing runs and its totals begin anew. */
  onNotReady(restartCount: number): void {
    this.#instruments
      .counter('etap_engine_restarts_total')
      .inc(Math.max(0, restartCount - this.#restartCount));
    this.#restartCount = restartCount;
    this.#idle();
  }

  onStep(figures: EngineFigures): void {
    this.#setGauges(figures);
    this.#addTotals(figures);
    const { stepPrefillTokens, stepDecodeTokens } = figures;
    const instruments = this.#instruments;
    if (stepPrefillTokens + stepDecodeTokens === 0) return;
    const kind = stepPrefillTokens === 0 ? 'decode' : stepDecodeTokens === 0 ? 'prefill' : 'mixed';
    const seconds = figures.stepMs / MS_PER_SECOND;
    instruments.histogram('etap_step_duration_seconds').observe({ kind }, seconds);
    const scheduleSeconds = figures.scheduleMs / MS_PER_SECOND;
    instruments.histogram('etap_schedule_duration_seconds').observe(scheduleSeconds);
    instruments.histogram('etap_iteration_tokens').observe(stepPrefillTokens + stepDecodeTokens);
    instruments.histogram('etap_batch_size').observe(stepDecodeTokens);
    if (figures.profile !== null) this.#addProfile(figures.profile);
  }

  /** The longest delay of an event loop since the call before. */
  onLoopLag(process: 'http' | 'engine', lagMs: number): void {
    const lag = this.#instruments.histogram('etap_event_loop_lag_seconds');
    lag.observe({ process }, lagMs / MS_PER_SECOND);
  }

  onGpu(sample: GpuSample): void {
    const { gpu, usedBytes, totalBytes } = sample;
    const instruments = this.#instruments;
    const memory = instruments.gauge('etap_gpu_memory_bytes');
    memory.set({ gpu, state: 'used' }, usedBytes);
    memory.set({ gpu, state: 'free' }, totalBytes - usedBytes);
    instruments.gauge('etap_gpu_utilization_ratio').set({ gpu }, sample.utilization);
    instruments.gauge('etap_gpu_power_watts').set({ gpu }, sample.powerWatts);
    instruments.gauge('etap_gpu_temperature_celsius').set({ gpu }, sample.temperatureCelsius);
  }

  #addProfile(profile: Profile): void {
    const kernels = this.#instruments.histogram('etap_kernel_duration_seconds');
    const observe = (kernel: string, micros: number): void => {
      if (micros > 0) kernels.observe({ kernel }, micros / MICROS_PER_SECOND);
    };
    observe('latent_attention', profile.latentAttentionMicros);
    observe('attention', profile.attentionMicros);
    observe('experts', profile.expertsMicros);
    observe('linear', profile.linearMicros);
    observe('reduce', profile.reduceMicros);
    observe('other', profile.otherMicros);
    observe('sampling', profile.samplingMicros);
    const { latentBytes, latentAttentionMicros } = profile;
    if (latentBytes === 0 || latentAttentionMicros === 0) return;
    this.#instruments.counter('etap_latent_read_bytes_total').inc(latentBytes);
    const perSecond = (latentBytes / latentAttentionMicros) * MICROS_PER_SECOND;
    this.#instruments.histogram('etap_latent_read_bytes_per_second').observe(perSecond);
  }

  #setGauges(figures: EngineFigures): void {
    const { blocksTotal, blocksCached, blocksUsed } = figures;
    const instruments = this.#instruments;
    instruments.gauge('etap_requests_running').set(figures.runningCount);
    instruments.gauge('etap_requests_waiting').set(figures.waitingCount);
    instruments.gauge('etap_kv_cache_usage_ratio').set(blocksTotal && blocksUsed / blocksTotal);
    const blocks = instruments.gauge('etap_kv_blocks');
    blocks.set({ state: 'used' }, blocksUsed);
    blocks.set({ state: 'cached' }, blocksCached);
    blocks.set({ state: 'free' }, blocksTotal - blocksUsed - blocksCached);
    instruments.gauge('etap_wait_age_max_seconds').set(figures.oldestWaitMs / MS_PER_SECOND);
    const blocked = instruments.gauge('etap_admission_blocked');
    for (const reason of BLOCKED_REASONS) {
      blocked.set({ reason }, Number(reason === figures.blockedReason));
    }
  }

  #addTotals(figures: EngineFigures): void {
    const before = this.#totals;
    const totals: Totals = {
      promptTokens: figures.prefillTokens - figures.recomputedTokens,
      prefixQueriedTokens: figures.prefixQueriedTokens,
      prefixHitTokens: figures.prefixHitTokens,
      preemptionCount: figures.preemptionCount,
      recomputedTokens: figures.recomputedTokens,
      nanRowCount: figures.nanRowCount,
    };
    this.#totals = totals;
    const add = (key: keyof Totals, ...names: Parameters<Instruments['counter']>[0][]): void => {
      const growth = totals[key] - before[key];
      if (growth > 0) for (const name of names) this.#instruments.counter(name).inc(growth);
    };
    add('promptTokens', 'etap_prompt_tokens_total');
    add('prefixQueriedTokens', 'etap_prefix_cache_queries_total');
    add('prefixHitTokens', 'etap_prefix_cache_hits_total', 'etap_prompt_tokens_cached_total');
    add('preemptionCount', 'etap_preemptions_total');
    add('recomputedTokens', 'etap_recomputed_tokens_total');
    add('nanRowCount', 'etap_corrupted_requests_total');
  }

  #idle(): void {
    this.#totals = ZERO_TOTALS;
    this.#instruments.gauge('etap_engine_ready').set(0);
    this.#setGauges({
      ...ZERO_TOTALS,
      runningCount: 0,
      waitingCount: 0,
      blocksTotal: 0,
      blocksCached: 0,
      blocksUsed: 0,
      prefillTokens: 0,
      stepMs: 0,
      scheduleMs: 0,
      profile: null,
      stepPrefillTokens: 0,
      stepDecodeTokens: 0,
      oldestWaitMs: 0,
      blockedReason: 'none',
    });
  }
}
