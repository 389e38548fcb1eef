/** Settings from ETAP_* environment variables; an unknown one is an error, an empty one is unset. */
import { EtapError } from '../errors.ts';
import type { Assignment } from './assignment.ts';
import { parseText } from './parse-value.ts';
import { SETTINGS } from './settings.ts';
import { didYouMean } from './suggest.ts';

const PREFIX = 'ETAP_';

/** Names the configuration file, as the flag --config does. */
export const CONFIG_FILE_VARIABLE = 'ETAP_CONFIG';

/** Read elsewhere: the configuration file here, the kernels of native tests in native/backend/cpu. */
const OTHER_VARIABLES = [CONFIG_FILE_VARIABLE, 'ETAP_ISA'];

export type Environment = Readonly<Record<string, string | undefined>>;

/** Throws ETAP_ERR_CONFIG. */
export function readEnvironment(environment: Environment): Assignment[] {
  return Object.entries(environment).flatMap(([name, text]) => {
    if (!name.startsWith(PREFIX) || OTHER_VARIABLES.includes(name)) return [];
    const setting = SETTINGS.find((candidate) => candidate.environmentName === name);
    if (setting === undefined) throw unknownVariable(name);
    if (text === undefined || text === '') return [];
    const source = `environment ${name}`;
    return [{ setting, value: parseText(setting, [text], source), source }];
  });
}

function unknownVariable(name: string): EtapError {
  const names = SETTINGS.map((setting) => setting.environmentName);
  return new EtapError(
    'ETAP_ERR_CONFIG',
    `environment ${name}: no such setting${didYouMean(name, names)}; ` +
      'names are ETAP_SECTION_KEY, see docs/config.md',
  );
}
