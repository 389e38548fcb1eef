/** Keys at the door: one hook in front of every route, with an exact list of routes that need none. */
import { EtapError } from '../errors.ts';
import type { Caller, KeyRing, KeyScope } from '../keys/index.ts';

/** Routes that orchestrators probe without keys. Compared with route templates, never prefixes. */
const HEALTH_ROUTES = ['/health', '/health/live', '/health/ready', '/live', '/ready'];

/** Routes that ask for another scope than `infer`. */
const ROUTE_SCOPES: Readonly<Record<string, KeyScope>> = {
  '/metrics': 'metrics',
  // What one tenant does here, all others feel.
  '/flush_cache': 'admin',
  '/reset_prefix_cache': 'admin',
};

type OpenRoutes = {
  readonly openMetrics: boolean;
  /** Routes of pages that hold no data: a browser asks for them before anyone could enter a key. */
  readonly pageRoutes?: readonly string[];
};

export class DoorKeeper {
  readonly #keyRing: KeyRing;
  readonly #openRoutes: ReadonlySet<string>;

  constructor(keyRing: KeyRing, { openMetrics, pageRoutes = [] }: OpenRoutes) {
    this.#keyRing = keyRing;
    this.#openRoutes = new Set([
      ...HEALTH_ROUTES,
      ...(openMetrics ? ['/metrics'] : []),
      ...pageRoutes,
    ]);
  }

  /**
   * @param route template of the matched route; undefined for paths that no route has
   * Throws EtapError ETAP_ERR_UNAUTHORIZED, ETAP_ERR_FORBIDDEN.
   */
  authenticate(route: string | undefined, authorization: string | undefined): Caller {
    if (route !== undefined && this.#openRoutes.has(route)) return this.#keyRing.anonymous;
    const caller = this.#keyRing.identify(bearerKey(authorization));
    const scope = ROUTE_SCOPES[route ?? ''] ?? 'infer';
    if (caller.scopes.includes(scope)) return caller;
    throw new EtapError(
      'ETAP_ERR_FORBIDDEN',
      `this route needs a key with the scope \`${scope}\`; this key has ${caller.scopes.join(', ')}`,
    );
  }
}

function bearerKey(authorization: string | undefined): string | null {
  const match = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization ?? '');
  return match?.[1] ?? null;
}
