/** Starts the engine in a process of its own. */
import type { Config } from '../config/index.ts';
import { SupervisedEngine } from './client.ts';
import { forkEngine } from './forked-process.ts';

/**
 * Returns at once; `ready()` tells when the model is loaded.
 * @param onListenerError told of listeners that throw, which must not stop the others
 */
export function startEngine(
  config: Config,
  onListenerError: (error: unknown) => void,
): SupervisedEngine {
  return new SupervisedEngine(config, { spawn: forkEngine, onListenerError }).start();
}
