/** "Tenants": who uses what. */
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard } from './dashboard.ts';
import { graph, stack, stat } from './panels.ts';
import { increase, query, rate } from './queries.ts';

const BY_TENANT = { by: ['tenant'] };

export const tenantsDashboard = (): Dashboard =>
  dashboard({
    uid: 'etap-tenants',
    title: 'Etap / Tenants',
    description:
      'Who uses what. A tenant is named after the digest of its key; `other` holds all beyond metrics.tenantsMax.',
    rows: { Now: now, Use: use, 'In the range shown': totals },
  });

const now = [
  stat({
    title: 'Active tenants',
    description: 'Tenants with a sequence that ended in the window.',
    unit: 'short',
    queries: [
      query('tenants', `count(${rate('etap_tenant_sequences_total', BY_TENANT)} > 0) or vector(0)`),
    ],
  }),
  stat({
    title: 'Share of the largest',
    description: 'Share of the completion tokens that the largest tenant took.',
    unit: 'percentunit',
    queries: [
      query(
        'share',
        `max(${rate('etap_tenant_generation_tokens_total', BY_TENANT)}) / ${rate('etap_tenant_generation_tokens_total')}`,
      ),
    ],
  }),
];

const use = [
  stack({
    title: 'Completion tokens',
    description: 'Per second by tenant, counted when a sequence ends.',
    unit: 'short',
    queries: [query('{{tenant}}', rate('etap_tenant_generation_tokens_total', BY_TENANT))],
  }),
  stack({
    title: 'Prompt tokens',
    description: 'Per second by tenant, cached ones included.',
    unit: 'short',
    queries: [query('{{tenant}}', rate('etap_tenant_prompt_tokens_total', BY_TENANT))],
  }),
  stack({
    title: 'Sequences',
    description: 'Ended sequences per second by tenant.',
    unit: 'cps',
    queries: [query('{{tenant}}', rate('etap_tenant_sequences_total', BY_TENANT))],
  }),
  graph({
    title: 'Prefix cache hits',
    description: 'Share of the prompt tokens of a tenant whose KV was cached.',
    unit: 'percentunit',
    queries: [
      query(
        '{{tenant}}',
        `${rate('etap_tenant_cached_tokens_total', BY_TENANT)} / ${rate('etap_tenant_prompt_tokens_total', BY_TENANT)}`,
      ),
    ],
  }),
];

const totals = [
  graph({
    title: 'Completion tokens in the window',
    description: 'By tenant; choose a long range to read usage off.',
    unit: 'short',
    queries: [query('{{tenant}}', increase('etap_tenant_generation_tokens_total', BY_TENANT))],
  }),
  graph({
    title: 'Prompt tokens in the window',
    description: 'By tenant, cached ones included.',
    unit: 'short',
    queries: [query('{{tenant}}', increase('etap_tenant_prompt_tokens_total', BY_TENANT))],
  }),
];
