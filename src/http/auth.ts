/** Bearer keys: one hook in front of every route, with an exact list of routes that need none. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { EtapError } from '../errors.ts';

/** Who a request comes from, as far as its key tells. */
export type Caller = {
  /** '' when the server has no keys; else a name made from the key's digest. */
  readonly tenant: string;
};

const ANONYMOUS: Caller = { tenant: '' };

/** Routes that orchestrators probe without keys. Compared with route templates, never prefixes. */
const HEALTH_ROUTES = ['/health', '/health/live', '/health/ready', '/live', '/ready'];

type OpenRoutes = {
  readonly openMetrics: boolean;
  /** Routes of the playground's files: a browser asks for them before anyone could enter a key. */
  readonly pageRoutes?: readonly string[];
};

export class KeyRing {
  readonly #digests: readonly Buffer[];
  readonly #openRoutes: ReadonlySet<string>;

  /** Without keys every route is open. */
  constructor(keys: readonly string[], options: OpenRoutes) {
    const { openMetrics, pageRoutes = [] } = options;
    this.#digests = keys.map(digestOf);
    this.#openRoutes = new Set([
      ...HEALTH_ROUTES,
      ...(openMetrics ? ['/metrics'] : []),
      ...pageRoutes,
    ]);
  }

  /**
   * @param route template of the matched route; undefined for paths that no route has
   * Throws EtapError ETAP_ERR_UNAUTHORIZED.
   */
  authenticate(route: string | undefined, authorization: string | undefined): Caller {
    if (this.#digests.length === 0) return ANONYMOUS;
    if (route !== undefined && this.#openRoutes.has(route)) return ANONYMOUS;
    const key = bearerKey(authorization);
    if (key === null) {
      throw unauthorized('no API key was sent; send the header `Authorization: Bearer KEY`');
    }
    const index = this.#find(digestOf(key));
    if (index < 0) throw unauthorized('the API key is not known here; use one that the server has');
    return { tenant: `key-${this.#digests[index]?.toString('hex', 0, 8)}` };
  }

  /** Compares with every key, so that the time tells neither which nor whether one matched. */
  #find(digest: Buffer): number {
    let found = -1;
    this.#digests.forEach((known, index) => {
      if (timingSafeEqual(known, digest)) found = index;
    });
    return found;
  }
}

function bearerKey(authorization: string | undefined): string | null {
  const match = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization ?? '');
  return match?.[1] ?? null;
}

const digestOf = (key: string): Buffer => createHash('sha256').update(key).digest();

const unauthorized = (message: string): EtapError =>
  new EtapError('ETAP_ERR_UNAUTHORIZED', message);
