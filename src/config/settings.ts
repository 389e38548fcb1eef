/** The schema as a flat table: one row a setting, with its name in each source. */
import { type TSchema, Type } from 'typebox';
import { CONFIG_SCHEMA } from './schema.ts';
import { type SettingFacts, settingFacts } from './setting.ts';

export type Setting = SettingFacts & {
  readonly section: string;
  readonly key: string;
  /** `section.key`, as in errors, in documents and, after `--`, on the command line. */
  readonly path: string;
  readonly environmentName: string;
  readonly schema: TSchema;
};

const environmentName = (section: string, key: string): string =>
  `ETAP_${section}_${key.replaceAll(/[A-Z]/g, (capital) => `_${capital}`)}`.toUpperCase();

const sectionSettings = ([section, schema]: [string, TSchema]): Setting[] => {
  if (!Type.IsObject(schema)) throw new TypeError(`section ${section} is not an object schema`);
  return Object.entries(schema.properties).map(([key, setting]) => ({
    ...settingFacts(setting),
    section,
    key,
    path: `${section}.${key}`,
    environmentName: environmentName(section, key),
    schema: setting,
  }));
};

/** Every setting, in schema order. */
export const SETTINGS: readonly Setting[] = Object.entries<TSchema>(
  CONFIG_SCHEMA.properties,
).flatMap(sectionSettings);

export const SECTIONS: readonly string[] = Object.keys(CONFIG_SCHEMA.properties);

export const settingAt = (path: string): Setting | undefined =>
  SETTINGS.find((setting) => setting.path === path);
