/** Door of the engine for the HTTP side. */
export type {
  EngineClient,
  EngineState,
  GenerateCommand,
  LoadProgress,
  SequenceListener,
} from './engine-client.ts';
export type { EngineInfo, EngineStats, FinishRecord, TokenLogprobs } from './messages.ts';
