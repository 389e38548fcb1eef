/**
 * The one table of metrics. Own names start with `etap_`; an alias carries the value of its row
 * under the name by which routers and dashboards made for vLLM read it, never a second count.
 */
import {
  BYTES_PER_SECOND,
  COMPLETIONS,
  FIRST_TOKEN_SECONDS,
  HTTP_SECONDS,
  KERNEL_SECONDS,
  LOOP_LAG_SECONDS,
  REQUEST_SECONDS,
  REQUEST_TOKENS,
  SCHEDULE_SECONDS,
  STEP_TOKENS,
  TOKEN_SECONDS,
} from './buckets.ts';
import { alias, counter, gauge, histogram, type MetricRow, type MetricType } from './metric-row.ts';

/** Made from the digest of a key; `anonymous` without one, `other` beyond metrics.tenantsMax. */
const TENANT = { labels: ['tenant'] };

/** Rows in the order in which they are documented. */
export const METRICS = {
  etap_requests_running: gauge(
    'sequences',
    'Sequences that hold KV blocks.',
    alias('vllm:num_requests_running'),
  ),
  etap_requests_waiting: gauge(
    'sequences',
    'Sequences that wait for admission.',
    alias('vllm:num_requests_waiting'),
  ),
  etap_kv_cache_usage_ratio: gauge(
    'ratio',
    'Share of KV blocks held by sequences, 0 to 1; blocks kept only for the prefix cache are free.',
    alias('vllm:kv_cache_usage_perc', 'vllm:gpu_cache_usage_perc'),
  ),
  etap_kv_blocks: gauge('blocks', 'KV blocks by state: free, used or cached.', {
    labels: ['state'],
  }),
  etap_cache_config_info: gauge('info', 'Shape of the KV cache; always 1.', {
    labels: ['block_size', 'num_blocks', 'enable_prefix_caching', 'kv_cache_size_tokens'],
    aliases: [{ name: 'vllm:cache_config_info', labels: { num_blocks: 'num_gpu_blocks' } }],
  }),
  etap_admission_blocked: gauge(
    'boolean',
    'What keeps the first waiting sequence from starting: 1 at slots, blocks or budget.',
    { labels: ['reason'] },
  ),
  etap_wait_age_max_seconds: gauge('seconds', 'Age of the sequence that waits longest.'),
  etap_prompt_tokens_total: counter(
    'tokens',
    'Prompt tokens computed; neither cached ones nor those computed again after a preemption.',
    alias('vllm:prompt_tokens_total'),
  ),
  etap_prompt_tokens_cached_total: counter(
    'tokens',
    'Prompt tokens whose KV came from the prefix cache.',
    alias('vllm:prompt_tokens_cached_total'),
  ),
  etap_generation_tokens_total: counter(
    'tokens',
    'Completion tokens, stop tokens included.',
    alias('vllm:generation_tokens_total'),
  ),
  etap_requests_total: counter(
    'requests',
    'Generation requests that passed the schema, by outcome.',
    { labels: ['outcome'] },
  ),
  etap_requests_finished_total: counter('sequences', 'Sequences ended, by finish reason.', {
    labels: ['finished_reason'],
    ...alias('vllm:request_success_total'),
  }),
  etap_prefix_cache_queries_total: counter(
    'tokens',
    'Prompt tokens looked up in the prefix cache.',
    alias('vllm:prefix_cache_queries_total', 'vllm:gpu_prefix_cache_queries_total'),
  ),
  etap_prefix_cache_hits_total: counter(
    'tokens',
    'Prompt tokens found in the prefix cache.',
    alias('vllm:prefix_cache_hits_total', 'vllm:gpu_prefix_cache_hits_total'),
  ),
  etap_preemptions_total: counter(
    'preemptions',
    'Running sequences whose blocks were taken back.',
    alias('vllm:num_preemptions_total'),
  ),
  etap_recomputed_tokens_total: counter('tokens', 'Tokens computed again after a preemption.'),
  etap_corrupted_requests_total: counter(
    'sequences',
    'Sequences ended because a logit was not finite.',
    alias('vllm:corrupted_requests_total'),
  ),
  etap_time_to_first_token_seconds: histogram(
    'seconds',
    FIRST_TOKEN_SECONDS,
    'From submission to the first token, as the HTTP process sees it.',
    alias('vllm:time_to_first_token_seconds'),
  ),
  etap_inter_token_latency_seconds: histogram(
    'seconds',
    TOKEN_SECONDS,
    'Between two tokens of a sequence, as the HTTP process sees it.',
    alias('vllm:inter_token_latency_seconds'),
  ),
  etap_request_time_per_output_token_seconds: histogram(
    'seconds',
    TOKEN_SECONDS,
    'Mean time of a sequence for each token after the first.',
    alias('vllm:request_time_per_output_token_seconds'),
  ),
  etap_e2e_request_latency_seconds: histogram(
    'seconds',
    REQUEST_SECONDS,
    'From submission to the end of a sequence.',
    alias('vllm:e2e_request_latency_seconds'),
  ),
  etap_request_queue_time_seconds: histogram(
    'seconds',
    REQUEST_SECONDS,
    'From arrival in the engine to the first step.',
    alias('vllm:request_queue_time_seconds'),
  ),
  etap_request_prefill_time_seconds: histogram(
    'seconds',
    REQUEST_SECONDS,
    'From the first step to the first token.',
    alias('vllm:request_prefill_time_seconds'),
  ),
  etap_request_decode_time_seconds: histogram(
    'seconds',
    REQUEST_SECONDS,
    'From the first token to the end.',
    alias('vllm:request_decode_time_seconds'),
  ),
  etap_request_inference_time_seconds: histogram(
    'seconds',
    REQUEST_SECONDS,
    'From the first step to the end.',
    alias('vllm:request_inference_time_seconds'),
  ),
  etap_request_prompt_tokens: histogram(
    'tokens',
    REQUEST_TOKENS,
    'Prompt tokens of a sequence, cached ones included.',
    alias('vllm:request_prompt_tokens'),
  ),
  etap_request_generation_tokens: histogram(
    'tokens',
    REQUEST_TOKENS,
    'Completion tokens of a sequence.',
    alias('vllm:request_generation_tokens'),
  ),
  etap_request_max_num_generation_tokens: histogram(
    'tokens',
    REQUEST_TOKENS,
    'Completion tokens that a sequence was allowed.',
    alias('vllm:request_max_num_generation_tokens'),
  ),
  etap_slo_sequences_total: counter(
    'sequences',
    'Sequences that met or missed both latency objectives; failed ones missed, aborted ones are left out.',
    { labels: ['result'] },
  ),
  etap_slo_seconds: gauge('seconds', 'The latency objectives as configured.', {
    labels: ['objective'],
  }),
  etap_request_params_n: histogram(
    'sequences',
    COMPLETIONS,
    'Completions asked for with one prompt.',
    alias('vllm:request_params_n'),
  ),
  etap_step_duration_seconds: histogram(
    'seconds',
    TOKEN_SECONDS,
    'Time of a step by kind: prefill, decode or mixed.',
    { labels: ['kind'] },
  ),
  etap_schedule_duration_seconds: histogram(
    'seconds',
    SCHEDULE_SECONDS,
    'Time of the scheduler within a step.',
  ),
  etap_iteration_tokens: histogram(
    'tokens',
    STEP_TOKENS,
    'Tokens computed in a step.',
    alias('vllm:iteration_tokens_total'),
  ),
  etap_batch_size: histogram('sequences', STEP_TOKENS, 'Sequences that decode in a step.'),
  etap_kernel_duration_seconds: histogram(
    'seconds',
    KERNEL_SECONDS,
    'Time of a step by kind of operation, on rank 0; latent_attention is the ETAP kernel alone.',
    { labels: ['kernel'] },
  ),
  etap_latent_read_bytes_total: counter(
    'bytes',
    'Latent KV that the ETAP kernel of rank 0 had to read: each context once a layer.',
  ),
  etap_latent_read_bytes_per_second: histogram(
    'bytes per second',
    BYTES_PER_SECOND,
    'Achieved bandwidth of the ETAP kernel in a step that decodes.',
  ),
  etap_event_loop_lag_seconds: histogram(
    'seconds',
    LOOP_LAG_SECONDS,
    'Longest delay of the event loop in each half second, by process: http or engine.',
    { labels: ['process'] },
  ),
  etap_gpu_memory_bytes: gauge('bytes', 'Memory of each GPU: used or free. Absent without GPUs.', {
    labels: ['gpu', 'state'],
  }),
  etap_gpu_utilization_ratio: gauge(
    'ratio',
    'Share of time in which the GPU computed anything, 0 to 1. Absent without GPUs.',
    { labels: ['gpu'] },
  ),
  etap_gpu_power_watts: gauge('watts', 'Power drawn by each GPU. Absent without GPUs.', {
    labels: ['gpu'],
  }),
  etap_gpu_temperature_celsius: gauge('celsius', 'Temperature of each GPU. Absent without GPUs.', {
    labels: ['gpu'],
  }),
  etap_engine_ready: gauge('boolean', '1 while the engine serves, else 0.'),
  etap_draining: gauge('boolean', '1 while the server stops gracefully, else 0.'),
  etap_engine_restarts_total: counter('restarts', 'Restarts of the engine process.'),
  etap_build_info: gauge('info', 'Version and what the engine runs on; always 1.', {
    labels: ['version', 'backend', 'isa', 'dtype'],
  }),
  etap_http_requests_total: counter('exchanges', 'HTTP exchanges by route template.', {
    labels: ['route', 'method', 'status'],
  }),
  etap_http_request_duration_seconds: histogram(
    'seconds',
    HTTP_SECONDS,
    'Time of an HTTP exchange, streams to their end.',
    { labels: ['route', 'method'] },
  ),
  etap_admission_rejections_total: counter('requests', 'Requests refused for want of room.', {
    labels: ['reason'],
    ...alias('vllm:admission_rejections_total'),
  }),
  etap_config_last_reload_successful: gauge('boolean', '1 unless the last reload (SIGHUP) failed.'),
  etap_auth_failures_total: counter(
    'requests',
    'Requests without a key that may do what they ask.',
  ),
  etap_sse_streams: gauge('streams', 'Open server-sent event streams.'),
  etap_ws_connections: gauge('sockets', 'Open WebSocket connections.'),
  etap_ws_lanes: gauge('lanes', 'Lanes used on the open WebSocket connections.'),
  etap_ws_buffered_bytes: gauge('bytes', 'Frames that wait for readers of WebSockets.'),
  etap_client_disconnects_total: counter('requests', 'Requests whose client went away.'),
  etap_slow_readers_cut_total: counter('streams', 'Streams cut because their reader took nothing.'),
  etap_tenant_sequences_total: counter('sequences', 'Sequences ended, by tenant.', TENANT),
  etap_tenant_prompt_tokens_total: counter(
    'tokens',
    'Prompt tokens of ended sequences by tenant, cached ones included.',
    TENANT,
  ),
  etap_tenant_cached_tokens_total: counter(
    'tokens',
    'Those of them whose KV came from the prefix cache.',
    TENANT,
  ),
  etap_tenant_generation_tokens_total: counter(
    'tokens',
    'Completion tokens of ended sequences by tenant.',
    TENANT,
  ),
} as const satisfies Record<string, MetricRow>;

export type MetricName = keyof typeof METRICS;

/** Names of the metrics of one type. */
export type NameOf<Type extends MetricType> = {
  [Name in MetricName]: (typeof METRICS)[Name]['type'] extends Type ? Name : never;
}[MetricName];

/** On every own series and alias. */
export const COMMON_LABEL = 'model_name';
