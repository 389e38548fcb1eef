/** What each tenant used, with a bound on how many tenants are told apart. */
import type { Instruments } from './instruments.ts';

export type Usage = {
  readonly promptTokenCount: number;
  readonly cachedTokenCount: number;
  readonly completionTokenCount: number;
};

const ANONYMOUS = 'anonymous';
const OTHER = 'other';

export class TenantUsage {
  readonly #instruments: Instruments;
  readonly #tenantsMax: number;
  readonly #named = new Set<string>();

  /** @param tenantsMax the first so many tenants have series of their own */
  constructor(instruments: Instruments, tenantsMax: number) {
    this.#instruments = instruments;
    this.#tenantsMax = tenantsMax;
  }

  /** One sequence ended; '' is the anonymous tenant. */
  add(tenant: string, { promptTokenCount, cachedTokenCount, completionTokenCount }: Usage): void {
    const labels = { tenant: this.#labelOf(tenant) };
    const instruments = this.#instruments;
    instruments.counter('etap_tenant_sequences_total').inc(labels);
    instruments.counter('etap_tenant_prompt_tokens_total').inc(labels, promptTokenCount);
    instruments.counter('etap_tenant_cached_tokens_total').inc(labels, cachedTokenCount);
    instruments.counter('etap_tenant_generation_tokens_total').inc(labels, completionTokenCount);
  }

  #labelOf(tenant: string): string {
    if (tenant === '') return ANONYMOUS;
    if (this.#named.has(tenant)) return tenant;
    if (this.#named.size >= this.#tenantsMax) return OTHER;
    this.#named.add(tenant);
    return tenant;
  }
}
