/** Finds and loads build/native/etap.node, and explains itself when it cannot. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { EtapError } from '../errors.ts';
import { PACKAGE_ROOT } from '../package-root.ts';
import type { Addon } from './addon-types.ts';

const ADDON_PATH = join(PACKAGE_ROOT, 'build', 'native', 'etap.node');
const REBUILD = 'run `npm run build` in the folder of etap-server';

/** Throws EtapError ETAP_ERR_ADDON saying what was found and what to do. */
export function loadAddon(path: string = ADDON_PATH): Addon {
  if (!existsSync(path)) {
    throw new EtapError(
      'ETAP_ERR_ADDON',
      `the native engine is not built: there is no ${path}; ${REBUILD}`,
    );
  }
  let loaded: unknown;
  try {
    loaded = createRequire(import.meta.url)(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new EtapError(
      'ETAP_ERR_ADDON',
      `the native engine ${path} does not load on ${process.platform} ${process.arch}, Node ` +
        `${process.version}: ${reason}; it was built elsewhere or a library is missing, ${REBUILD}`,
    );
  }
  if (!isAddon(loaded)) {
    throw new EtapError(
      'ETAP_ERR_ADDON',
      `the native engine ${path} lacks the class Engine; it is not of this version, ${REBUILD}`,
    );
  }
  return loaded;
}

function isAddon(value: unknown): value is Addon {
  return (
    typeof value === 'object' &&
    value !== null &&
    'Engine' in value &&
    typeof value.Engine === 'function' &&
    'cpuFeatures' in value &&
    typeof value.cpuFeatures === 'function'
  );
}
