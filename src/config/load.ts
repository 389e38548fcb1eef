/** Merges the sources - defaults < file < environment < flags - into one frozen configuration. */
import { EtapError } from '../errors.ts';
import type { Assignment } from './assignment.ts';
import { formatValue } from './parse-value.ts';
import { CONFIG_FILE_VARIABLE, type Environment, readEnvironment } from './read-environment.ts';
import { readConfigFile } from './read-file.ts';
import type { CommandLine } from './read-flags.ts';
import type { Config } from './schema.ts';
import type { SettingValue } from './setting.ts';
import { SETTINGS } from './settings.ts';

export type ConfigSources = {
  /** Settings that hold where no source says otherwise, instead of the schema's defaults. */
  readonly defaults?: readonly Assignment[];
  readonly environment: Environment;
  readonly commandLine: CommandLine;
};

export type LoadedConfig = {
  readonly config: Config;
  /** The settings that a source gave, each by its strongest one, in schema order. */
  readonly assignments: readonly Assignment[];
};

/** Reads every source. Throws ETAP_ERR_CONFIG naming setting, source, found and allowed. */
export function loadConfig({ defaults, environment, commandLine }: ConfigSources): LoadedConfig {
  const file = commandLine.configFile ?? (environment[CONFIG_FILE_VARIABLE] || null);
  return mergeConfig([
    ...(defaults ?? []),
    ...(file === null ? [] : readConfigFile(file)),
    ...readEnvironment(environment),
    ...commandLine.assignments,
  ]);
}

/** The defaults alone, or with some settings on top; for tests and embedding. */
export function mergeConfig(assignments: readonly Assignment[]): LoadedConfig {
  const strongest = new Map(assignments.map((given) => [given.setting.path, given]));
  const sections: Record<string, Record<string, SettingValue>> = {};
  for (const setting of SETTINGS) {
    sections[setting.section] ??= {};
    const section = sections[setting.section] ?? {};
    section[setting.key] = strongest.get(setting.path)?.value ?? setting.default;
  }
  const config = deepFreeze(sections) as unknown as Config;
  checkRelations(config);
  return {
    config,
    assignments: SETTINGS.flatMap((setting) => strongest.get(setting.path) ?? []),
  };
}

/** One line for each setting that is not left at its default: `path = value (source)`. */
export function describeAssignments(assignments: readonly Assignment[]): string[] {
  return assignments.map(
    ({ setting, value, source }) => `${setting.path} = ${formatValue(setting, value)} (${source})`,
  );
}

/** Rules between settings. */
function checkRelations({ engine, server }: Config): void {
  if ((server.tlsCertFile === null) !== (server.tlsKeyFile === null)) {
    throw new EtapError(
      'ETAP_ERR_CONFIG',
      'server.tlsCertFile, server.tlsKeyFile: found one of them, TLS needs both',
      'server.tlsCertFile',
    );
  }
  if (engine.heartbeatTimeoutMs < 2 * engine.heartbeatMs) {
    throw new EtapError(
      'ETAP_ERR_CONFIG',
      `engine.heartbeatTimeoutMs: found ${engine.heartbeatTimeoutMs}, allowed is at least twice ` +
        `engine.heartbeatMs (${2 * engine.heartbeatMs})`,
      'engine.heartbeatTimeoutMs',
    );
  }
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  }
  return Object.freeze(value);
}
