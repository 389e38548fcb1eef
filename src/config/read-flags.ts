/** Settings from the command line: `--section.key VALUE`, and short names for the usual ones. */
import { parseArgs } from 'node:util';
import { EtapError } from '../errors.ts';
import type { Assignment } from './assignment.ts';
import { parseText } from './parse-value.ts';
import { SETTINGS, type Setting, settingAt } from './settings.ts';
import { didYouMean } from './suggest.ts';

/** Short flags and the settings they stand for. */
export const SHORT_FLAGS = {
  host: 'server.host',
  port: 'server.port',
  'api-key': 'server.apiKeys',
  'api-key-file': 'server.apiKeyFile',
  'allow-unauthenticated': 'server.allowUnauthenticated',
  'served-name': 'model.servedName',
  'max-model-len': 'model.maxModelLen',
  executor: 'engine.executor',
  backend: 'engine.backend',
  threads: 'engine.threads',
  tp: 'engine.tensorParallelSize',
  'kv-memory': 'engine.kvMemoryBytes',
  'max-sequences': 'engine.maxSequences',
  'log-level': 'log.level',
} as const satisfies Record<string, string>;

export type CommandLine = {
  readonly assignments: readonly Assignment[];
  /** Value of --config. */
  readonly configFile: string | null;
  readonly help: boolean;
  readonly version: boolean;
};

/** The one positional argument, as a setting. */
const MODEL_ARGUMENT = { path: 'model.dir', source: 'argument MODEL_DIR' };

type Given = { readonly name: string; readonly texts: string[] };
const OWN_FLAGS = ['config', 'help', 'version'];

/** `[MODEL_DIR] [flags]`. Throws ETAP_ERR_CONFIG for an unknown flag or a bad value. */
export function readCommandLine(argv: readonly string[]): CommandLine {
  const { tokens, positionals } = parseArgs({
    args: [...argv],
    options: parseOptions(),
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  const given = new Map<string, Given>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name, text } = readToken(token.name, token.rawName, token.value);
    const flag = given.get(name) ?? { name: token.rawName, texts: [] };
    flag.texts.push(text);
    given.set(name, flag);
  }
  return {
    assignments: [
      ...[...given].flatMap(([name, flag]) => toAssignment(name, flag)),
      ...readPositionals(positionals),
    ],
    configFile: given.get('config')?.texts.at(-1) ?? null,
    help: given.has('help'),
    version: given.has('version'),
  };
}

/** A flag by its short name or its path; undefined when there is none. */
function flagSetting(name: string): Setting | undefined {
  const path = Object.entries(SHORT_FLAGS).find(([short]) => short === name)?.[1];
  return settingAt(path ?? name);
}

function parseOptions() {
  const names = [...Object.keys(SHORT_FLAGS), ...SETTINGS.map((setting) => setting.path)];
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {
    config: { type: 'string', short: 'c' },
    help: { type: 'boolean', short: 'h' },
    version: { type: 'boolean', short: 'v' },
  };
  for (const name of names) {
    options[name] = { type: flagSetting(name)?.kind === 'boolean' ? 'boolean' : 'string' };
  }
  return options;
}

/** The canonical name (a path, or one of OWN_FLAGS) and the text given with it. */
function readToken(name: string, rawName: string, value: string | undefined) {
  if (OWN_FLAGS.includes(name)) {
    if (name === 'config' && value === undefined) throw missingValue(rawName);
    return { name, text: value ?? 'true' };
  }
  const negated = name.startsWith('no-') && flagSetting(name.slice(3))?.kind === 'boolean';
  const setting = flagSetting(negated ? name.slice(3) : name);
  if (setting === undefined) throw unknownFlag(rawName, name);
  if (value === undefined && setting.kind !== 'boolean') throw missingValue(rawName);
  return { name: setting.path, text: value ?? (negated ? 'false' : 'true') };
}

function readPositionals(positionals: readonly string[]): Assignment[] {
  const { path, source } = MODEL_ARGUMENT;
  const setting = settingAt(path);
  if (positionals.length === 0 || setting === undefined) return [];
  if (positionals.length > 1) {
    const message = `found arguments ${positionals.join(' ')}; allowed is one, the model folder`;
    throw new EtapError('ETAP_ERR_CONFIG', message);
  }
  return [{ setting, value: parseText(setting, positionals, source), source }];
}

function toAssignment(path: string, flag: Given): Assignment[] {
  const setting = settingAt(path);
  if (setting === undefined) return [];
  const source = `flag ${flag.name}`;
  return [{ setting, value: parseText(setting, flag.texts, source), source }];
}

function unknownFlag(rawName: string, name: string): EtapError {
  const names = [
    ...Object.keys(SHORT_FLAGS),
    ...OWN_FLAGS,
    ...SETTINGS.map((setting) => setting.path),
  ].map((candidate) => `--${candidate}`);
  return new EtapError(
    'ETAP_ERR_CONFIG',
    `flag ${rawName}: no such flag${didYouMean(`--${name}`, names)}; see etap serve --help`,
  );
}

const missingValue = (rawName: string): EtapError =>
  new EtapError('ETAP_ERR_CONFIG', `flag ${rawName}: needs a value, as in ${rawName} VALUE`);
