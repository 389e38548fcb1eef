/** Whom the server may be reachable for. */
import { isIPv4 } from 'node:net';
import { EtapError } from '../errors.ts';
import type { ServerConfig } from './schema.ts';

/**
 * A server without keys must not be reachable from other machines, unless that is asked for.
 * Throws ETAP_ERR_CONFIG.
 */
export function checkExposure(server: ServerConfig, keyCount: number): void {
  if (keyCount > 0 || server.allowUnauthenticated || isLoopback(server.host)) return;
  throw new EtapError(
    'ETAP_ERR_CONFIG',
    `server.host: found ${server.host}, which other machines can reach, and no API keys; set ` +
      'server.apiKeys or server.apiKeyFile, or pass --allow-unauthenticated',
    'server.host',
  );
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
