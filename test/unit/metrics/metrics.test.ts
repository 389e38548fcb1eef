import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { EngineFigures } from '../../../src/metrics/engine-metrics.ts';
import { COMMON_LABEL, METRICS, type MetricRow, Metrics } from '../../../src/metrics/index.ts';
import { renderMetricsDocument } from '../../../tools/docs/metrics-document.ts';
import { configFrom } from '../../support/engine-fixtures.ts';
import { parseSamples, sampleValue } from '../../support/exposition.ts';

const ROWS = Object.entries<MetricRow>(METRICS);

/** Metrics under a clock that the test moves; no caching unless asked for. */
function create(...flags: string[]) {
  const clock = { ms: 0 };
  const { metrics: config } = configFrom('--metrics.cacheMs', '0', ...flags);
  return { clock, metrics: new Metrics(config, 'some/model "x"', () => clock.ms) };
}

const FIGURES: EngineFigures = {
  runningCount: 3,
  waitingCount: 2,
  blocksTotal: 10,
  blocksCached: 1,
  blocksUsed: 4,
  prefixQueriedTokens: 200,
  prefixHitTokens: 64,
  preemptionCount: 1,
  recomputedTokens: 30,
  prefillTokens: 130,
  nanRowCount: 1,
  stepMs: 20,
  scheduleMs: 0.02,
  profile: {
    latentAttentionMicros: 1000,
    attentionMicros: 2000,
    expertsMicros: 3000,
    linearMicros: 4000,
    reduceMicros: 0,
    otherMicros: 5000,
    samplingMicros: 6000,
    latentBytes: 5e7,
  },
  stepPrefillTokens: 100,
  stepDecodeTokens: 2,
  oldestWaitMs: 1500,
  blockedReason: 'blocks',
};

const ENDED = {
  reason: 'stop',
  cachedTokenCount: 0,
  completionTokenCount: 1,
  queuedMs: 0,
  firstTokenMs: 1,
  totalMs: 1,
};

const FACTS = { backend: 'cpu', isa: 'avx2', dtype: 'bf16', blockSize: 64, blockCount: 10 };

describe('the table', () => {
  it.each(ROWS)('%s is well formed', (name, row) => {
    expect(name).toMatch(/^etap_[a-z0-9_]+$/);
    expect(name.endsWith('_total')).toBe(row.type === 'counter');
    expect(row.buckets !== undefined).toBe(row.type === 'histogram');
    expect(row.buckets ?? []).toEqual([...(row.buckets ?? [])].sort((a, b) => a - b));
    if (row.unit === 'seconds') expect(name).toMatch(/_seconds$/);
    expect(row.help).toMatch(/[.1]$/);
  });

  it('docs/metrics.md is up to date', () => {
    const committed = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');
    expect(committed).toBe(renderMetricsDocument());
  });
});

describe('GET /metrics', () => {
  it('publishes each row and, for each alias, the same values', async () => {
    const { metrics } = create();
    metrics.engine.onReady(FACTS, { version: '1.2.3', prefixCache: true });
    metrics.engine.onStep(FIGURES);
    metrics.engine.onLoopLag('http', 1);
    metrics.startSequence({ promptTokenCount: 1, maxTokens: 1, tenant: '' }).onFinish(ENDED);
    metrics.onExchange({ route: '/v1/models', method: 'GET', status: 200, seconds: 0.01 });
    const text = await metrics.render();
    for (const [name, { aliases = [] }] of ROWS) {
      expect(text).toContain(`# TYPE ${name} `);
      const own = parseSamples(text).filter((sample) => isSeriesOf(sample.name, name));
      if (!name.startsWith('etap_gpu_')) expect(own.length).toBeGreaterThan(0);
      expect(own.every(({ labels }) => labels[COMMON_LABEL] === 'some/model \\"x\\"')).toBe(true);
      for (const alias of aliases) {
        const copies = parseSamples(text).filter((sample) => isSeriesOf(sample.name, alias.name));
        expect(copies.map(({ value }) => value)).toEqual(own.map(({ value }) => value));
        expect(copies.every(({ labels }) => labels.engine === '0')).toBe(true);
      }
    }
    const cache = { block_size: '64', num_gpu_blocks: '10' };
    expect(sampleValue(text, 'vllm:cache_config_info', cache)).toBe(1);
  });

  it('leaves the aliases out when they are off', async () => {
    const { metrics } = create('--no-metrics.vllmAliases');
    expect(await metrics.render()).not.toContain('vllm:');
  });

  it('has no gauge that is named like a counter', async () => {
    const text = await create().metrics.render();
    const gauges = [...text.matchAll(/^# TYPE (\S+) gauge$/gm)].map(([, name = '']) => name);
    expect(gauges.length).toBeGreaterThan(10);
    expect(gauges.filter((name) => name.endsWith('_total'))).toEqual([]);
  });

  it('renders again only when the cached text is old', async () => {
    const { clock, metrics } = create('--metrics.cacheMs', '75');
    const first = await metrics.render();
    metrics.onClientGone();
    clock.ms = 74;
    expect(await metrics.render()).toBe(first);
    clock.ms = 75;
    expect(sampleValue(await metrics.render(), 'etap_client_disconnects_total')).toBe(1);
  });
});

const isSeriesOf = (sample: string, name: string): boolean =>
  sample === name || [`${name}_bucket`, `${name}_sum`, `${name}_count`].includes(sample);

describe('the engine', () => {
  it('sets gauges to the figures of the latest step', async () => {
    const { metrics } = create();
    metrics.engine.onReady(FACTS, { version: '1', prefixCache: true });
    metrics.engine.onStep(FIGURES);
    const text = await metrics.render();
    expect(sampleValue(text, 'etap_requests_running')).toBe(3);
    expect(sampleValue(text, 'etap_requests_waiting')).toBe(2);
    expect(sampleValue(text, 'etap_kv_cache_usage_ratio')).toBe(0.4);
    const states = ['used', 'cached', 'free'];
    const blocks = states.map((state) => sampleValue(text, 'etap_kv_blocks', { state }));
    expect(blocks).toEqual([4, 1, 5]);
    expect(sampleValue(text, 'etap_admission_blocked', { reason: 'blocks' })).toBe(1);
    expect(sampleValue(text, 'etap_admission_blocked', { reason: 'slots' })).toBe(0);
    expect(sampleValue(text, 'etap_wait_age_max_seconds')).toBe(1.5);
    expect(sampleValue(text, 'etap_prompt_tokens_total')).toBe(100);
    expect(sampleValue(text, 'etap_step_duration_seconds_sum', { kind: 'mixed' })).toBe(0.02);
  });

  it('counts on when the engine process starts anew', async () => {
    const { metrics } = create();
    metrics.engine.onReady(FACTS, { version: '1', prefixCache: true });
    metrics.engine.onStep(FIGURES);
    metrics.engine.onStep({ ...FIGURES, prefixHitTokens: 70 });
    metrics.engine.onNotReady(1);
    const between = await metrics.render();
    expect(sampleValue(between, 'etap_engine_ready')).toBe(0);
    expect(sampleValue(between, 'etap_requests_running')).toBe(0);
    metrics.engine.onReady(FACTS, { version: '1', prefixCache: true });
    metrics.engine.onStep({ ...FIGURES, prefixHitTokens: 5 });
    const text = await metrics.render();
    expect(sampleValue(text, 'etap_prefix_cache_hits_total')).toBe(75);
    expect(sampleValue(text, 'etap_engine_restarts_total')).toBe(1);
    expect(sampleValue(text, 'etap_engine_ready')).toBe(1);
  });

  it('tells where the time of a step went and how fast ETAP read', async () => {
    const { metrics } = create();
    metrics.engine.onStep(FIGURES);
    metrics.engine.onStep({ ...FIGURES, profile: null });
    const text = await metrics.render();
    const sum = (kernel: string) =>
      sampleValue(text, 'etap_kernel_duration_seconds_sum', { kernel });
    expect(sum('latent_attention')).toBeCloseTo(0.001);
    expect(sum('sampling')).toBeCloseTo(0.006);
    expect(sum('reduce')).toBeUndefined();
    expect(sampleValue(text, 'etap_latent_read_bytes_total')).toBe(5e7);
    expect(sampleValue(text, 'etap_latent_read_bytes_per_second_sum')).toBeCloseTo(5e10);
    expect(sampleValue(text, 'etap_latent_read_bytes_per_second_count')).toBe(1);
  });

  it('reports each GPU, and the lag of both event loops', async () => {
    const { metrics } = create();
    expect(await metrics.render()).not.toMatch(/^etap_gpu/m);
    metrics.engine.onGpu({
      gpu: '3',
      usedBytes: 10,
      totalBytes: 30,
      utilization: 0.5,
      powerWatts: 200,
      temperatureCelsius: 60,
    });
    metrics.engine.onLoopLag('engine', 20);
    const text = await metrics.render();
    const memory = (state: string) =>
      sampleValue(text, 'etap_gpu_memory_bytes', { gpu: '3', state });
    expect([memory('used'), memory('free')]).toEqual([10, 20]);
    expect(sampleValue(text, 'etap_gpu_utilization_ratio', { gpu: '3' })).toBe(0.5);
    const lag = { process: 'engine' };
    expect(sampleValue(text, 'etap_event_loop_lag_seconds_sum', lag)).toBeCloseTo(0.02);
  });

  it('does not count a step without tokens', async () => {
    const { metrics } = create();
    metrics.engine.onStep({ ...FIGURES, stepPrefillTokens: 0, stepDecodeTokens: 0 });
    expect(sampleValue(await metrics.render(), 'etap_iteration_tokens_count')).toBe(0);
  });
});

describe('a sequence', () => {
  it('is measured from submission to end', async () => {
    const { clock, metrics } = create();
    const timeline = metrics.startSequence({ promptTokenCount: 7, maxTokens: 50, tenant: 'key-1' });
    clock.ms = 100;
    timeline.onToken();
    clock.ms = 130;
    timeline.onToken();
    clock.ms = 150;
    timeline.onFinish({
      reason: 'stop',
      cachedTokenCount: 4,
      completionTokenCount: 3,
      queuedMs: 10,
      firstTokenMs: 90,
      totalMs: 140,
    });
    const text = await metrics.render();
    const sum = (name: string) => sampleValue(text, `etap_${name}_sum`);
    expect(sum('time_to_first_token_seconds')).toBeCloseTo(0.1);
    expect(sum('inter_token_latency_seconds')).toBeCloseTo(0.03);
    expect(sum('e2e_request_latency_seconds')).toBeCloseTo(0.15);
    expect(sum('request_queue_time_seconds')).toBeCloseTo(0.01);
    expect(sum('request_prefill_time_seconds')).toBeCloseTo(0.08);
    expect(sum('request_decode_time_seconds')).toBeCloseTo(0.05);
    expect(sum('request_inference_time_seconds')).toBeCloseTo(0.13);
    expect(sum('request_time_per_output_token_seconds')).toBeCloseTo(0.025);
    expect(sum('request_prompt_tokens')).toBe(7);
    expect(sum('request_generation_tokens')).toBe(3);
    expect(sum('request_max_num_generation_tokens')).toBe(50);
    expect(sampleValue(text, 'etap_generation_tokens_total')).toBe(3);
    expect(sampleValue(text, 'vllm:request_success_total', { finished_reason: 'stop' })).toBe(1);
  });

  it('without a token has no phases', async () => {
    const { metrics } = create();
    metrics.startSequence({ promptTokenCount: 1, maxTokens: 1, tenant: '' }).onFinish({
      reason: 'error',
      cachedTokenCount: 0,
      completionTokenCount: 0,
      queuedMs: 1,
      firstTokenMs: 1,
      totalMs: 1,
    });
    const text = await metrics.render();
    expect(sampleValue(text, 'etap_request_prefill_time_seconds_count')).toBe(0);
    expect(sampleValue(text, 'etap_time_to_first_token_seconds_count')).toBe(0);
    expect(sampleValue(text, 'etap_e2e_request_latency_seconds_count')).toBe(1);
  });
});

describe('objectives and tenants', () => {
  const run = (
    metrics: Metrics,
    clock: { ms: number },
    { tenant = '', reason = 'stop', waitMs = 10, tokenMs = 10 } = {},
  ): void => {
    const timeline = metrics.startSequence({ promptTokenCount: 7, maxTokens: 50, tenant });
    clock.ms += waitMs;
    timeline.onToken();
    clock.ms += tokenMs;
    timeline.onToken();
    const counts = { cachedTokenCount: 4, completionTokenCount: 2 };
    timeline.onFinish({ reason, ...counts, queuedMs: 0, firstTokenMs: 1, totalMs: 2 });
  };

  it('a sequence meets them in both respects, or misses', async () => {
    const flags = ['--metrics.sloFirstTokenMs', '50', '--metrics.sloTokenMs', '20'];
    const { clock, metrics } = create(...flags);
    run(metrics, clock);
    run(metrics, clock, { waitMs: 50, tokenMs: 20 });
    run(metrics, clock, { waitMs: 51 });
    run(metrics, clock, { tokenMs: 21 });
    run(metrics, clock, { reason: 'error' });
    run(metrics, clock, { reason: 'abort' });
    const text = await metrics.render();
    const judged = (result: string) => sampleValue(text, 'etap_slo_sequences_total', { result });
    expect([judged('met'), judged('missed')]).toEqual([2, 3]);
    expect(sampleValue(text, 'etap_slo_seconds', { objective: 'first_token' })).toBe(0.05);
  });

  it('tenants beyond the bound are counted together', async () => {
    const { clock, metrics } = create('--metrics.tenantsMax', '2');
    for (const tenant of ['', 'key-a', 'key-b', 'key-c', 'key-d', 'key-a']) {
      run(metrics, clock, { tenant });
    }
    const text = await metrics.render();
    const tokens = (tenant: string) =>
      sampleValue(text, 'etap_tenant_generation_tokens_total', { tenant });
    const names = ['anonymous', 'key-a', 'key-b', 'other', 'key-c'];
    expect(names.map(tokens)).toEqual([2, 4, 2, 4, undefined]);
    expect(sampleValue(text, 'etap_tenant_cached_tokens_total', { tenant: 'key-a' })).toBe(8);
  });
});

it('the HTTP side is counted with bounded labels', async () => {
  const { metrics } = create();
  metrics.onExchange({ route: '/v1/models', method: 'PROPFIND', status: 405, seconds: 0.2 });
  metrics.onRejection('queue_full');
  metrics.onSlowReader();
  metrics.onStreamCount(4);
  metrics.onRequest(2);
  metrics.onOutcome('client_gone');
  metrics.onDrain();
  const text = await metrics.render();
  const labels = { route: '/v1/models', method: 'other', status: '405' };
  expect(sampleValue(text, 'etap_http_requests_total', labels)).toBe(1);
  expect(sampleValue(text, 'etap_admission_rejections_total', { reason: 'queue_full' })).toBe(1);
  expect(sampleValue(text, 'etap_slow_readers_cut_total')).toBe(1);
  expect(sampleValue(text, 'etap_sse_streams')).toBe(4);
  expect(sampleValue(text, 'etap_requests_total', { outcome: 'client_gone' })).toBe(1);
  expect(sampleValue(text, 'etap_draining')).toBe(1);
  expect(sampleValue(text, 'etap_request_params_n_sum')).toBe(2);
});
