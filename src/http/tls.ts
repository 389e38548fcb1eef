/** The certificate that the listener shows; read at start and again at every reload. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { ServerConfig } from '../config/index.ts';
import { EtapError } from '../errors.ts';

export type TlsFiles = { readonly cert: Buffer; readonly key: Buffer };

const TLS_VERSION_MIN = 'TLSv1.2';

export const tlsOptions = (files: TlsFiles) => ({ ...files, minVersion: TLS_VERSION_MIN }) as const;

/** Null where the server speaks plain HTTP. Throws ETAP_ERR_CONFIG. */
export function readTlsFiles({ tlsCertFile, tlsKeyFile }: ServerConfig): TlsFiles | null {
  if (tlsCertFile === null || tlsKeyFile === null) return null;
  const files = {
    cert: readPem('server.tlsCertFile', tlsCertFile),
    key: readPem('server.tlsKeyFile', tlsKeyFile),
  };
  try {
    createSecureContext(tlsOptions(files));
  } catch (error) {
    throw tlsError('server.tlsCertFile', 'certificate and key do not work together', error);
  }
  return files;
}

function readPem(setting: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw tlsError(setting, 'cannot read it', error);
  }
}

function tlsError(setting: string, problem: string, error: unknown): EtapError {
  const reason = error instanceof Error ? error.message : String(error);
  return new EtapError('ETAP_ERR_CONFIG', `${setting}: ${problem}: ${reason}`, setting);
}
