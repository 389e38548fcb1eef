/** A page of a list, as OpenAI pages: `limit`, `order`, and `after` an id. */
import { invalidField } from '../openai/index.ts';

type Listed = { readonly id: string };

const PAGE_DEFAULT = 20;
const PAGE_MAX = 100;

/** Throws EtapError ETAP_ERR_INVALID_REQUEST. */
export function pageOf(items: readonly Listed[], query: object): object {
  const { limit = String(PAGE_DEFAULT), order = 'desc', after } = query as Record<string, string>;
  const size = /^\d{1,3}$/.test(limit) ? Number(limit) : 0;
  if (size < 1 || size > PAGE_MAX) {
    throw invalidField('limit', `allowed is an integer from 1 to ${PAGE_MAX}`);
  }
  if (order !== 'asc' && order !== 'desc') throw invalidField('order', 'allowed is asc or desc');
  const ordered = order === 'asc' ? items : items.toReversed();
  const start = after === undefined ? 0 : ordered.findIndex(({ id }) => id === after) + 1;
  const data = ordered.slice(start, start + size);
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: start + size < ordered.length,
  };
}
