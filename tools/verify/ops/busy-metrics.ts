/** Metrics of a server that has seen everything: all kinds of steps, many routes, tenants and GPUs. */
import { mergeConfig, readCommandLine } from '../../../src/config/index.ts';
import { Metrics } from '../../../src/metrics/index.ts';

const TENANTS = 20;
const GPUS = 8;
const ROUTES = ['/v1/chat/completions', '/v1/completions', '/v1/models', '/metrics', '/health'];
const STATUSES = [200, 400, 499, 503];

const FACTS = { backend: 'cuda', isa: 'sm_90', dtype: 'fp8', blockSize: 64, blockCount: 4096 };
const PROFILE = {
  latentAttentionMicros: 900,
  attentionMicros: 400,
  expertsMicros: 4000,
  linearMicros: 3000,
  reduceMicros: 700,
  otherMicros: 300,
  samplingMicros: 200,
  latentBytes: 2e9,
};
const FIGURES = {
  runningCount: 32,
  waitingCount: 4,
  blocksTotal: 4096,
  blocksCached: 1000,
  blocksUsed: 2000,
  prefixQueriedTokens: 5000,
  prefixHitTokens: 2000,
  preemptionCount: 1,
  recomputedTokens: 300,
  prefillTokens: 9000,
  nanRowCount: 0,
  stepMs: 12,
  scheduleMs: 0.03,
  profile: PROFILE,
  oldestWaitMs: 10,
  blockedReason: 'none',
};

export function busyMetrics(...flags: readonly string[]): Metrics {
  const { config } = mergeConfig(readCommandLine(['--metrics.cacheMs', '0', ...flags]).assignments);
  const metrics = new Metrics(config.metrics, 'deepseek-r1');
  metrics.engine.onReady(FACTS, { version: '0.0.0', prefixCache: true });
  const steps = [
    { stepPrefillTokens: 512, stepDecodeTokens: 0 },
    { stepPrefillTokens: 0, stepDecodeTokens: 32 },
    { stepPrefillTokens: 256, stepDecodeTokens: 32 },
  ];
  for (const step of steps) metrics.engine.onStep({ ...FIGURES, ...step });
  metrics.engine.onLoopLag('http', 3);
  metrics.engine.onLoopLag('engine', 1);
  for (let gpu = 0; gpu < GPUS; gpu++) addGpu(metrics, gpu);
  for (const route of ROUTES) {
    for (const status of STATUSES)
      metrics.onExchange({ route, method: 'POST', status, seconds: 1 });
  }
  for (let tenant = 0; tenant < TENANTS; tenant++) addSequence(metrics, `key-${tenant}`);
  return metrics;
}

function addGpu(metrics: Metrics, gpu: number): void {
  const memory = { usedBytes: 9e10, totalBytes: 1e11 };
  const rest = { utilization: 0.9, powerWatts: 400, temperatureCelsius: 60 };
  metrics.engine.onGpu({ gpu: String(gpu), ...memory, ...rest });
}

function addSequence(metrics: Metrics, tenant: string): void {
  const timeline = metrics.startSequence({ promptTokenCount: 900, maxTokens: 500, tenant });
  timeline.onToken();
  timeline.onToken();
  const counts = { cachedTokenCount: 300, completionTokenCount: 2 };
  timeline.onFinish({ reason: 'stop', ...counts, queuedMs: 5, firstTokenMs: 90, totalMs: 900 });
}
