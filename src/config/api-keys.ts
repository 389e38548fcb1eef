/** The keys clients may send: those of the configuration and those of the key file. */
import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { EtapError } from '../errors.ts';
import type { ServerConfig } from './schema.ts';

/** What a bearer token may consist of. */
const KEY = /^[\x21-\x7e]+$/;

/**
 * All keys, without doubles; none leaves the server open.
 * Throws ETAP_ERR_CONFIG when the file cannot be read or holds no key, or a key cannot be sent.
 */
export function readApiKeys(server: ServerConfig): readonly string[] {
  const keys = [...server.apiKeys, ...(server.apiKeyFile ? readKeyFile(server.apiKeyFile) : [])];
  if (!keys.every((key) => KEY.test(key))) {
    throw new EtapError(
      'ETAP_ERR_CONFIG',
      'server.apiKeys: found a key with spaces or characters beyond ASCII, which no header can ' +
        'carry; use printable ASCII',
    );
  }
  return [...new Set(keys)];
}

/**
 * A server without keys must not be reachable from other machines, unless that is asked for.
 * Throws ETAP_ERR_CONFIG.
 */
export function checkExposure(server: ServerConfig, apiKeys: readonly string[]): void {
  if (apiKeys.length > 0 || server.allowUnauthenticated || isLoopback(server.host)) return;
  throw new EtapError(
    'ETAP_ERR_CONFIG',
    `server.host: found ${server.host}, which other machines can reach, and no API keys; set ` +
      'server.apiKeys or server.apiKeyFile, or pass --allow-unauthenticated',
    'server.host',
  );
}

function readKeyFile(path: string): string[] {
  const lines = readText(path)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length === 0) {
    throw new EtapError('ETAP_ERR_CONFIG', `server.apiKeyFile: found no key in ${path}`);
  }
  return lines;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new EtapError('ETAP_ERR_CONFIG', `server.apiKeyFile: cannot read it: ${reason}`);
  }
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
