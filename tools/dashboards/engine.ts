/** "Engine": scheduler, KV cache, steps, kernels, GPUs. */
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard } from './dashboard.ts';
import { graph, heatmap, stack, stat } from './panels.ts';
import { buckets, increase, max, mean, quantile, quantiles, query, rate, sum } from './queries.ts';

/** Over all steps: long ones count more than in the mean of steps. */
const ACHIEVED = `${rate('etap_latent_read_bytes_total')} / ${rate('etap_kernel_duration_seconds', {
  filter: 'kernel="latent_attention"',
  suffix: '_sum',
})}`;

export const engineDashboard = (): Dashboard =>
  dashboard({
    uid: 'etap-engine',
    title: 'Etap / Engine',
    description: 'What the engine does and why it is slow: scheduler, KV cache, steps, kernels.',
    rows: {
      State: state,
      Scheduler: scheduler,
      'KV cache': cache,
      Steps: steps,
      Kernels: kernels,
      'GPUs (empty without them)': gpus,
      Processes: processes,
    },
  });

const state = [
  stat({
    title: 'Ready',
    description: 'Instances whose engine serves.',
    unit: 'short',
    queries: [query('ready', sum('etap_engine_ready'))],
  }),
  stat({
    title: 'Restarts',
    description: 'Restarts of engine processes in the window; each ended the open requests.',
    unit: 'short',
    queries: [query('restarts', increase('etap_engine_restarts_total'))],
  }),
  stat({
    title: 'Not finite',
    description: 'Sequences ended because a logit was not finite; anything above 0 is a bug.',
    unit: 'short',
    queries: [query('sequences', increase('etap_corrupted_requests_total'))],
  }),
  stat({
    title: 'Draining',
    description: 'Instances that stop gracefully right now.',
    unit: 'short',
    queries: [query('draining', sum('etap_draining'))],
  }),
  stat({
    title: 'Runs on',
    description: 'Instances by version, backend, instruction set and weight type.',
    unit: 'short',
    queries: [
      query(
        '{{version}} {{backend}} {{isa}} {{dtype}}',
        sum('etap_build_info', { by: ['version', 'backend', 'isa', 'dtype'] }),
      ),
    ],
  }),
  stat({
    title: 'KV cache',
    description: 'Tokens that the KV caches hold when they are full.',
    unit: 'short',
    queries: [query('tokens', `64 * ${sum('etap_kv_blocks')}`)],
  }),
];

const scheduler = [
  graph({
    title: 'Running and waiting',
    description: 'Sequences that hold KV blocks, and those that wait for admission.',
    unit: 'short',
    queries: [
      query('running', sum('etap_requests_running')),
      query('waiting', sum('etap_requests_waiting')),
    ],
  }),
  graph({
    title: 'What keeps the first waiting sequence',
    description:
      'Instances by what the head of their queue lacks: a slot (engine.maxSequences), KV blocks, or budget within the step.',
    unit: 'short',
    queries: [query('{{reason}}', sum('etap_admission_blocked', { by: ['reason'] }))],
  }),
  graph({
    title: 'Longest wait',
    description: 'Age of the sequence that waits longest.',
    unit: 's',
    queries: [query('{{instance}}', max('etap_wait_age_max_seconds', { by: ['instance'] }))],
  }),
  graph({
    title: 'Preemptions',
    description:
      'Sequences per second whose blocks were taken back; they compute their tokens again.',
    unit: 'cps',
    queries: [query('preemptions', rate('etap_preemptions_total'))],
  }),
  graph({
    title: 'Recomputed tokens',
    description: 'Tokens per second computed again after a preemption: lost work.',
    unit: 'short',
    queries: [query('tokens', rate('etap_recomputed_tokens_total'))],
  }),
  graph({
    title: 'Time of the scheduler',
    description: 'Part of each step in which nothing is computed yet.',
    unit: 's',
    queries: quantiles('etap_schedule_duration_seconds'),
  }),
];

const cache = [
  stack({
    title: 'KV blocks by state',
    description: 'used: held by sequences; cached: kept for prefixes, given up when needed; free.',
    unit: 'short',
    queries: [query('{{state}}', sum('etap_kv_blocks', { by: ['state'] }))],
  }),
  graph({
    title: 'KV cache in use',
    description: 'Share of blocks held by sequences. Near 1 sequences wait or are preempted.',
    unit: 'percentunit',
    queries: [query('{{instance}}', max('etap_kv_cache_usage_ratio', { by: ['instance'] }))],
  }),
  graph({
    title: 'Prefix cache hits',
    description: 'Share of prompt tokens whose KV was found in the prefix cache.',
    unit: 'percentunit',
    queries: [
      query(
        'hits',
        `${rate('etap_prefix_cache_hits_total')} / ${rate('etap_prefix_cache_queries_total')}`,
      ),
    ],
  }),
];

const steps = [
  heatmap({
    title: 'Step time',
    description:
      'Steps by their time, scheduling included; engine.targetStepMs is what they aim at.',
    unit: 's',
    queries: buckets('etap_step_duration_seconds'),
  }),
  graph({
    title: 'Step time by kind, p95',
    description: 'prefill: prompts only; decode: one token for each sequence; mixed: both.',
    unit: 's',
    queries: [query('{{kind}}', quantile(0.95, 'etap_step_duration_seconds', { by: ['kind'] }))],
  }),
  graph({
    title: 'Steps by kind',
    description: 'Steps per second.',
    unit: 'ops',
    queries: [
      query('{{kind}}', rate('etap_step_duration_seconds', { by: ['kind'], suffix: '_count' })),
    ],
  }),
  heatmap({
    title: 'Tokens of a step',
    description: 'Steps by the tokens they computed, prompt and completion together.',
    unit: 'short',
    queries: buckets('etap_iteration_tokens'),
  }),
  heatmap({
    title: 'Decoding sequences of a step',
    description: 'Steps by the sequences that got a token in them: the batch.',
    unit: 'short',
    queries: buckets('etap_batch_size'),
  }),
  graph({
    title: 'Batch composition',
    description: 'Mean tokens of a step, and how many of them decode.',
    unit: 'short',
    queries: [
      query('tokens', mean('etap_iteration_tokens')),
      query('decoding', mean('etap_batch_size')),
    ],
  }),
];

const kernels = [
  stack({
    title: 'Where the time of steps goes',
    description:
      'Seconds per second by kind of operation, on rank 0. latent_attention is the ETAP kernel; what is missing to 1 is idle or outside the model.',
    unit: 's',
    queries: [
      query('{{kernel}}', rate('etap_kernel_duration_seconds', { by: ['kernel'], suffix: '_sum' })),
    ],
  }),
  graph({
    title: 'Time of a kind of operation in a step, p95',
    description: 'All layers of one step together.',
    unit: 's',
    queries: [
      query('{{kernel}}', quantile(0.95, 'etap_kernel_duration_seconds', { by: ['kernel'] })),
    ],
  }),
  graph({
    title: 'Bandwidth of the ETAP kernel',
    description:
      'Latent KV read per second of kernel time, on rank 0: compare with the bandwidth of the memory. Short contexts stay below it.',
    unit: 'Bps',
    queries: [
      query('p50', quantile(0.5, 'etap_latent_read_bytes_per_second')),
      query('mean', mean('etap_latent_read_bytes_per_second')),
      query('over the kernel time', ACHIEVED),
    ],
  }),
];

const gpus = [
  graph({
    title: 'GPU memory used',
    description: 'Weights, KV cache and workspaces; constant after the start.',
    unit: 'bytes',
    queries: [
      query(
        '{{instance}} GPU {{gpu}}',
        sum('etap_gpu_memory_bytes', { filter: 'state="used"', by: ['instance', 'gpu'] }),
      ),
    ],
  }),
  graph({
    title: 'GPU utilization',
    description: 'Share of time in which the GPU computed anything.',
    unit: 'percentunit',
    queries: [
      query(
        '{{instance}} GPU {{gpu}}',
        max('etap_gpu_utilization_ratio', { by: ['instance', 'gpu'] }),
      ),
    ],
  }),
  graph({
    title: 'GPU power',
    description: 'Power drawn; a GPU far below the others waits for them or is throttled.',
    unit: 'watt',
    queries: [
      query('{{instance}} GPU {{gpu}}', max('etap_gpu_power_watts', { by: ['instance', 'gpu'] })),
    ],
  }),
  graph({
    title: 'GPU temperature',
    description: 'Throttling begins in the high eighties.',
    unit: 'celsius',
    queries: [
      query(
        '{{instance}} GPU {{gpu}}',
        max('etap_gpu_temperature_celsius', { by: ['instance', 'gpu'] }),
      ),
    ],
  }),
];

const processes = [
  graph({
    title: 'Event loop lag, p99',
    description:
      'Longest delay of the event loop in each half second. The HTTP process late: streams stutter; the engine process late: steps start late.',
    unit: 's',
    queries: [
      query('{{process}}', quantile(0.99, 'etap_event_loop_lag_seconds', { by: ['process'] })),
    ],
  }),
  graph({
    title: 'Processor time of the HTTP process',
    description: 'Cores in use; one is all that its event loop can take.',
    unit: 'short',
    queries: [
      query(
        '{{instance}}',
        'sum by (instance) (rate(process_cpu_seconds_total{model_name=~"$model", instance=~"$instance"}[$__rate_interval]))',
      ),
    ],
  }),
  graph({
    title: 'Memory of the HTTP process',
    description: 'Resident memory; the model is in the engine process and not in this.',
    unit: 'bytes',
    queries: [
      query(
        '{{instance}}',
        'max by (instance) (process_resident_memory_bytes{model_name=~"$model", instance=~"$instance"})',
      ),
    ],
  }),
];
