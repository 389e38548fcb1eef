/** Door of the engine for the HTTP side. */
export { SupervisedEngine } from './client.ts';
export type {
  EngineClient,
  EngineState,
  GenerateCommand,
  LoadProgress,
  SequenceListener,
} from './engine-client.ts';
export type {
  EngineInfo,
  EngineStats,
  FinishRecord,
  LivePicture,
  LiveStep,
  TokenLogprobs,
} from './messages.ts';
export { startEngine } from './start-engine.ts';
