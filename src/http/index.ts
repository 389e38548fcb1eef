/** Door of the HTTP side. */
export { buildServer, type DrainControl } from './server.ts';
export type {
  HttpExchange,
  HttpMetrics,
  SequenceFacts,
  SequenceTimeline,
  ServerDeps,
} from './server-deps.ts';
