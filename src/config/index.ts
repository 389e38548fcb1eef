/** Door of the configuration: one schema, one frozen object. */
export type { Assignment } from './assignment.ts';
export { bodyBytesMax } from './body-limit.ts';
export { checkExposure } from './exposure.ts';
export { renderFlagHelp } from './flag-help.ts';
export { describeAssignments, type LoadedConfig, loadConfig, mergeConfig } from './load.ts';
export { describeAllowed, formatValue } from './parse-value.ts';
export { readConfigText } from './read-file.ts';
export { type CommandLine, readCommandLine, SHORT_FLAGS } from './read-flags.ts';
export type {
  Config,
  DrainConfig,
  EngineConfig,
  LimitsConfig,
  LogConfig,
  MetricsConfig,
  ModelConfig,
  ServerConfig,
  TimeoutsConfig,
  TracingConfig,
} from './schema.ts';
export { SECTIONS, SETTINGS, type Setting, settingAt } from './settings.ts';
export { didYouMean } from './suggest.ts';
