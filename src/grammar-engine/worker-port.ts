/** A grammar worker as the engine thread sees it: a thread in production, anything in tests. */
import { Worker } from 'node:worker_threads';
import type { FromWorker, ToWorker, WorkerSetup } from './messages.ts';

export interface WorkerPort {
  post(message: ToWorker): void;
  onMessage(listener: (message: FromWorker) => void): void;
  /** Called once when the worker is gone, unless it was ended by `terminate`. */
  onExit(listener: (reason: string) => void): void;
  terminate(): void;
}

export type StartWorker = () => WorkerPort;

/** Beside this file when both are built. */
const WORKER_FILE = new URL('./worker.js', import.meta.url);
/** A worker that needs more is a fault of its grammar, and is ended without harm to the process. */
const HEAP_MEGABYTES_MAX = 1024;

export const workerThread =
  (setup: WorkerSetup, file: URL = WORKER_FILE): StartWorker =>
  () => {
    const worker = new Worker(file, {
      workerData: setup,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MEGABYTES_MAX },
    });
    // It never keeps the process alive.
    worker.unref();
    let ended = false;
    return {
      post: (message) => worker.postMessage(message),
      onMessage: (listener) => {
        worker.on('message', listener);
      },
      onExit: (listener) => {
        let reason = 'it stopped';
        worker.on('error', (error) => {
          reason = error.message;
        });
        worker.on('exit', () => {
          if (!ended) listener(reason);
        });
      },
      terminate: () => {
        ended = true;
        void worker.terminate();
      },
    };
  };
