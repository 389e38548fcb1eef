/** The flags of `etap serve --help`, made from the schema. */
import { formatValue } from './parse-value.ts';
import { SHORT_FLAGS } from './read-flags.ts';
import { SETTINGS, type Setting } from './settings.ts';

/** One line a flag. */
export function renderFlagHelp(): string {
  const short = Object.entries(SHORT_FLAGS).flatMap(([flag, path]) => {
    const setting = SETTINGS.find((candidate) => candidate.path === path);
    return setting === undefined ? [] : [helpLine(`--${flag}`, setting)];
  });
  const long = SETTINGS.map((setting) => helpLine(`--${setting.path}`, setting));
  return [...short, '', 'Every setting, as --section.key:', ...long].join('\n');
}

const HELP_COLUMN = 34;

function helpLine(flag: string, setting: Setting): string {
  return `  ${flag.padEnd(HELP_COLUMN)} ${setting.description} [${helpDefault(setting)}]`;
}

const helpDefault = (setting: Setting): string => formatValue(setting, setting.default);
