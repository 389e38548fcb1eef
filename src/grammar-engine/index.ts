/** Door of the grammar engine: which tokens may come next, found out in worker threads. */
export type {
  GrammarEngine,
  GrammarListener,
  StartGrammars,
  TokenMask,
} from './grammar-engine.ts';
export { GrammarWorkers, type GrammarWorkersOptions } from './grammar-workers.ts';
export { type StartWorker, workerThread } from './worker-port.ts';
