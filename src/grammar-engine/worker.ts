/** The file of a grammar worker thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadTokenBytes } from '../text/index.ts';
import { GrammarService } from './grammar-service.ts';
import type { FromWorker, ToWorker, WorkerSetup } from './messages.ts';

const { modelDir, vocabSize } = workerData as WorkerSetup;
const service = new GrammarService(loadTokenBytes(modelDir), vocabSize);

function send(message: FromWorker): void {
  const moved =
    message.kind === 'masks'
      ? [message.entries.buffer as ArrayBuffer, message.masks.buffer as ArrayBuffer]
      : [];
  parentPort?.postMessage(message, moved);
}

parentPort?.on('message', (message: ToWorker) => {
  for (const reply of service.handle(message)) send(reply);
});
send({ kind: 'ready' });
