/** "Serving": what users feel. */
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard } from './dashboard.ts';
import { graph, heatmap, stack, stat } from './panels.ts';
import { buckets, increase, max, quantile, quantiles, query, rate, sum } from './queries.ts';

const GOODPUT = `${rate('etap_slo_sequences_total', { filter: 'result="met"' })} / ${rate('etap_slo_sequences_total')}`;

export const servingDashboard = (): Dashboard =>
  dashboard({
    uid: 'etap-serving',
    title: 'Etap / Serving',
    description: 'What users feel: how fast answers begin and flow, and how many fail.',
    rows: {
      Now: now,
      'First token and flow': latency,
      'Requests and tokens': traffic,
      'Where the time goes': phases,
      Connections: connections,
    },
  });

const now = [
  stat({
    title: 'Goodput',
    description:
      'Share of ended sequences whose first token and mean token time met both objectives (metrics.sloFirstTokenMs, metrics.sloTokenMs).',
    unit: 'percentunit',
    queries: [query('goodput', GOODPUT)],
  }),
  stat({
    title: 'First token, p99',
    description: '99 of 100 sequences had their first token sooner than this.',
    unit: 's',
    queries: [query('p99', quantile(0.99, 'etap_time_to_first_token_seconds'))],
  }),
  stat({
    title: 'Token to token, p99',
    description: '99 of 100 gaps between two tokens of a sequence were shorter than this.',
    unit: 's',
    queries: [query('p99', quantile(0.99, 'etap_inter_token_latency_seconds'))],
  }),
  stat({
    title: 'Completion tokens',
    description: 'Tokens generated per second, all sequences together.',
    unit: 'short',
    queries: [query('tokens/s', rate('etap_generation_tokens_total'))],
  }),
  stat({
    title: 'Running',
    description: 'Sequences that hold KV blocks.',
    unit: 'short',
    queries: [query('running', sum('etap_requests_running'))],
  }),
  stat({
    title: 'Waiting',
    description: 'Sequences that wait for admission; a queue that does not shrink needs more room.',
    unit: 'short',
    queries: [query('waiting', sum('etap_requests_waiting'))],
  }),
];

const latency = [
  heatmap({
    title: 'Time to first token',
    description: 'Sequences by the time from submission to their first token.',
    unit: 's',
    queries: buckets('etap_time_to_first_token_seconds'),
  }),
  heatmap({
    title: 'Time between tokens',
    description: 'Gaps between two tokens of a sequence; a second band is steps with prefill.',
    unit: 's',
    queries: buckets('etap_inter_token_latency_seconds'),
  }),
  graph({
    title: 'Goodput against the objectives',
    description:
      'Sequences per second that met both objectives, and those that missed one or failed.',
    unit: 'cps',
    queries: [query('{{result}}', rate('etap_slo_sequences_total', { by: ['result'] }))],
  }),
  graph({
    title: 'Time to first token, quantiles',
    description: 'Compare with the objective, drawn as a line of its own.',
    unit: 's',
    queries: [
      ...quantiles('etap_time_to_first_token_seconds'),
      query('objective', max('etap_slo_seconds', { filter: 'objective="first_token"' })),
    ],
  }),
  graph({
    title: 'Time between tokens, quantiles',
    description: 'Compare with the objective for the mean of a sequence.',
    unit: 's',
    queries: [
      ...quantiles('etap_inter_token_latency_seconds'),
      query('objective', max('etap_slo_seconds', { filter: 'objective="token"' })),
    ],
  }),
  graph({
    title: 'Whole sequence, quantiles',
    description: 'From submission to the end; grows with the length of the answers.',
    unit: 's',
    queries: quantiles('etap_e2e_request_latency_seconds'),
  }),
];

const traffic = [
  stack({
    title: 'Requests by outcome',
    description:
      'Generation requests per second. `invalid` is the fault of the client, `rejected` want of room, `error` ours.',
    unit: 'reqps',
    queries: [query('{{outcome}}', rate('etap_requests_total', { by: ['outcome'] }))],
  }),
  stack({
    title: 'Ended sequences by reason',
    description: 'stop: it said so itself; length: its limit; abort: the client; error: ours.',
    unit: 'cps',
    queries: [
      query(
        '{{finished_reason}}',
        rate('etap_requests_finished_total', { by: ['finished_reason'] }),
      ),
    ],
  }),
  graph({
    title: 'Refused for want of room',
    description: 'Requests answered 429 or 503 before they began, by reason.',
    unit: 'reqps',
    queries: [query('{{reason}}', rate('etap_admission_rejections_total', { by: ['reason'] }))],
  }),
  graph({
    title: 'Tokens',
    description: 'Per second: prompt tokens computed, found in the cache, and completion tokens.',
    unit: 'short',
    queries: [
      query('prompt, computed', rate('etap_prompt_tokens_total')),
      query('prompt, cached', rate('etap_prompt_tokens_cached_total')),
      query('completion', rate('etap_generation_tokens_total')),
    ],
  }),
  heatmap({
    title: 'Prompt length',
    description: 'Sequences by prompt tokens, cached ones included.',
    unit: 'short',
    queries: buckets('etap_request_prompt_tokens'),
  }),
  heatmap({
    title: 'Completion length',
    description: 'Sequences by completion tokens.',
    unit: 'short',
    queries: buckets('etap_request_generation_tokens'),
  }),
];

const phases = [
  graph({
    title: 'Queue, quantiles',
    description: 'From arrival in the engine to the first step.',
    unit: 's',
    queries: quantiles('etap_request_queue_time_seconds'),
  }),
  graph({
    title: 'Prefill, quantiles',
    description: 'From the first step to the first token.',
    unit: 's',
    queries: quantiles('etap_request_prefill_time_seconds'),
  }),
  graph({
    title: 'Decode, quantiles',
    description: 'From the first token to the end.',
    unit: 's',
    queries: quantiles('etap_request_decode_time_seconds'),
  }),
];

const connections = [
  graph({
    title: 'HTTP exchanges by status',
    description: 'Exchanges per second, streams counted when they end; 499: the client left.',
    unit: 'reqps',
    queries: [query('{{status}}', rate('etap_http_requests_total', { by: ['status'] }))],
  }),
  graph({
    title: 'Open streams and sockets',
    description: 'Server-sent event streams, WebSocket connections and the lanes used on those.',
    unit: 'short',
    queries: [
      query('event streams', sum('etap_sse_streams')),
      query('WebSockets', sum('etap_ws_connections')),
      query('lanes', sum('etap_ws_lanes')),
    ],
  }),
  graph({
    title: 'Readers lost',
    description:
      'Clients that left before their answer was complete, and readers that were cut off.',
    unit: 'short',
    queries: [
      query('left', increase('etap_client_disconnects_total')),
      query('cut off', increase('etap_slow_readers_cut_total')),
    ],
  }),
];
