/** docs/config.md and config/default.yaml, made from the configuration schema. */
import {
  describeAllowed,
  formatValue,
  SECTIONS,
  SETTINGS,
  type Setting,
  SHORT_FLAGS,
} from '../../src/config/index.ts';

/** docs/config.md */
export function renderConfigDocument(): string {
  return [
    '# Configuration',
    '',
    'Made from the schema in `src/config/schema.ts` by `npm run docs`.',
    '',
    'Every setting has one name, `section.key`, and four places it may come from. Later ones win:',
    'the default, a YAML file (`--config FILE` or `ETAP_CONFIG`), the environment, the command line.',
    'An unknown key, variable or flag is an error, and so is a value out of range: the server then',
    'says which setting, where it was given, what was found and what is allowed, and exits with 2.',
    'An empty environment variable counts as unset. Settings that differ from their default are',
    'printed at start with their source.',
    '',
    'Sizes may be written as `65536`, `512MiB` or `2GiB`; durations are milliseconds. In the',
    'environment a list is separated by commas; on the command line its flag is repeated.',
    'A switch is turned off by `--no-section.key`. `config/default.yaml` holds all defaults.',
    '',
    ...SECTIONS.flatMap(sectionTable),
    '## Short flags',
    '',
    '| flag | setting |',
    '|---|---|',
    ...Object.entries(SHORT_FLAGS).map(([flag, path]) => `| \`--${flag}\` | \`${path}\` |`),
    '',
  ].join('\n');
}

/** config/default.yaml */
export function renderDefaultFile(): string {
  const lines = SECTIONS.flatMap((section) => [
    '',
    `${section}:`,
    ...settingsOf(section).flatMap((setting) => [
      `  # ${setting.description}`,
      `  ${setting.key}: ${yamlValue(setting)}`,
    ]),
  ]);
  return [
    '# Every setting at its default. Copy what you change: `etap serve --config FILE`.',
    '# Made from src/config/schema.ts by `npm run docs`; docs/config.md says what is allowed.',
    ...lines,
    '',
  ].join('\n');
}

const settingsOf = (section: string): Setting[] =>
  SETTINGS.filter((setting) => setting.section === section);

function sectionTable(section: string): string[] {
  return [
    `## ${section}`,
    '',
    '| key | default | allowed | environment | meaning |',
    '|---|---|---|---|---|',
    ...settingsOf(section).map(
      (setting) =>
        `| \`${setting.key}\` | \`${formatValue(setting, setting.default)}\` ` +
        `| ${describeAllowed(setting)} | \`${setting.environmentName}\` ` +
        `| ${setting.description} |`,
    ),
    '',
  ];
}

function yamlValue(setting: Setting): string {
  if (setting.default === null) return setting.auto ? 'auto' : 'null';
  return Array.isArray(setting.default) ? '[]' : formatValue(setting, setting.default);
}
