/** One value that a source gives to a setting. */
import { EtapError } from '../errors.ts';
import type { SettingValue } from './setting.ts';
import { SECTIONS, SETTINGS, type Setting } from './settings.ts';
import { didYouMean } from './suggest.ts';

export type Assignment = {
  readonly setting: Setting;
  readonly value: SettingValue;
  /** Where it came from, e.g. `environment ETAP_SERVER_PORT`, `config/etap.yaml:12`. */
  readonly source: string;
};

/** The error for a path that names no setting. */
export function unknownSetting(path: string, source: string): EtapError {
  const [section = '', key] = path.split('.');
  const candidates = SETTINGS.map((setting) => setting.path);
  const allowed =
    key !== undefined && SECTIONS.includes(section)
      ? `keys of ${section}: ${keysOf(section).join(', ')}`
      : `sections: ${SECTIONS.join(', ')}`;
  return new EtapError(
    'ETAP_ERR_CONFIG',
    `${path} (${source}): no such setting${didYouMean(path, candidates)}; ${allowed}`,
    path,
  );
}

const keysOf = (section: string): string[] =>
  SETTINGS.filter((setting) => setting.section === section).map((setting) => setting.key);
