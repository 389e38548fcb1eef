/** From what a source holds to a setting's value, or an error that says what is allowed. */
import { Value } from 'typebox/value';
import { EtapError } from '../errors.ts';
import type { SettingValue } from './setting.ts';
import type { Setting } from './settings.ts';
import { formatBytes, parseBytes } from './size.ts';

/** The value of a setting from a source of texts: the environment or the command line. */
export function parseText(
  setting: Setting,
  texts: readonly string[],
  source: string,
): SettingValue {
  const last = texts.at(-1) ?? '';
  if (setting.secret && texts.some((text) => splitList(text).length === 0)) {
    throw emptySecret(setting, source);
  }
  const value = setting.kind === 'list' ? texts.flatMap(splitList) : textToValue(setting, last);
  return checkValue(setting, value, source);
}

/** An empty key is never meant: it comes from a variable that is not set, and would open the server. */
function emptySecret(setting: Setting, source: string): EtapError {
  return new EtapError(
    'ETAP_ERR_CONFIG',
    `${setting.path} (${source}): found an empty text, allowed is one key or more, separated by ` +
      'commas; leave the setting out to serve without keys',
    setting.path,
  );
}

/** The value of a setting from a file, which has types of its own; sizes may be texts. */
export function parseFileValue(setting: Setting, found: unknown, source: string): SettingValue {
  if (typeof found !== 'string') return checkValue(setting, found, source);
  const hasTextForm = setting.kind === 'bytes' || (setting.auto && found === 'auto');
  return checkValue(setting, hasTextForm ? textToValue(setting, found) : found, source);
}

/** What a setting allows, in words. */
export function describeAllowed(setting: Setting): string {
  return setting.auto ? `auto or ${describeKind(setting)}` : describeKind(setting);
}

/** A value as it is printed and written into documents. */
export function formatValue(setting: Setting, value: SettingValue): string {
  if (value === null) return setting.auto ? 'auto' : 'unset';
  if (setting.secret) return isEmptyList(value) ? '[]' : '(hidden)';
  if (setting.kind === 'bytes' && typeof value === 'number') return formatBytes(value);
  return Array.isArray(value) ? `[${value.join(', ')}]` : String(value);
}

const isEmptyList = (value: SettingValue): boolean => Array.isArray(value) && value.length === 0;

const splitList = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

/** The text itself where it does not parse: the check then reports it as it was written. */
function textToValue(setting: Setting, text: string): unknown {
  if (setting.auto && text === 'auto') return null;
  switch (setting.kind) {
    case 'integer':
    case 'milliseconds':
      return /^-?\d+$/.test(text) ? Number(text) : text;
    case 'bytes':
      return parseBytes(text) ?? text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'choice':
    case 'text':
    case 'list':
      return text;
  }
}

function checkValue(setting: Setting, value: unknown, source: string): SettingValue {
  if (Value.Check(setting.schema, value)) return value as SettingValue;
  const found = setting.secret ? 'a value that is not shown' : JSON.stringify(value);
  throw new EtapError(
    'ETAP_ERR_CONFIG',
    `${setting.path} (${source}): found ${found}, allowed is ${describeAllowed(setting)}`,
    setting.path,
  );
}

function describeKind(setting: Setting): string {
  const { minimum, maximum } = setting;
  switch (setting.kind) {
    case 'integer':
      return `an integer from ${minimum} to ${maximum}`;
    case 'milliseconds':
      return `milliseconds from ${minimum} to ${maximum}`;
    case 'bytes':
      return `a size from ${formatBytes(minimum ?? 0)} to ${formatBytes(maximum ?? 0)}`;
    case 'boolean':
      return 'true or false';
    case 'choice':
      return `one of ${setting.choices.join(', ')}`;
    case 'text':
      return 'a text that is not empty';
    case 'list':
      return 'a list of texts';
  }
}
