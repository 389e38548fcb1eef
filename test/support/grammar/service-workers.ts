/** Grammar workers without threads: the same service, answering a turn later. */
import { GrammarService } from '../../../src/grammar-engine/grammar-service.ts';
import {
  type GrammarListener,
  GrammarWorkers,
  type StartWorker,
} from '../../../src/grammar-engine/index.ts';
import { tinyVocabulary } from './follow.ts';

export type ServiceWorkersOptions = {
  readonly workerCount?: number;
  /** How long the next answer takes. */
  readonly answerAfterMs?: () => number;
};

/** Tokens 0 to 255 are bytes; those above are special. */
export function serviceWorkers(
  vocabSize: number,
  { workerCount = 2, answerAfterMs = () => 0 }: ServiceWorkersOptions = {},
) {
  const services = new Set<GrammarService>();
  const exits = new Set<(reason: string) => void>();
  const startWorker: StartWorker = () => {
    const service = new GrammarService(tinyVocabulary(), vocabSize);
    services.add(service);
    let listener: Parameters<ReturnType<StartWorker>['onMessage']>[0] = () => {};
    let alive = true;
    let queue: Promise<void> = Promise.resolve();
    return {
      post: (message) => {
        const copy = structuredClone(message);
        const answer = () => {
          if (alive) for (const reply of service.handle(copy)) listener(reply);
        };
        // Answers come in the order of the questions.
        queue = queue.then(async () => {
          const ms = answerAfterMs();
          await new Promise((resolve) =>
            ms > 0 ? setTimeout(resolve, ms) : setImmediate(resolve),
          );
          answer();
        });
      },
      onMessage: (one) => {
        listener = one;
      },
      onExit: (exit) => {
        exits.add((reason) => {
          if (!alive) return;
          alive = false;
          services.delete(service);
          exit(reason);
        });
      },
      terminate: () => {
        alive = false;
        services.delete(service);
      },
    };
  };
  return {
    start: (listener: GrammarListener) =>
      new GrammarWorkers({ startWorker, workerCount, answerMsMax: 10_000 }, listener),
    /** Every worker dies at once. */
    loseAll: () => {
      for (const exit of [...exits]) exit('lost in a test');
    },
    get openCount(): number {
      return [...services].reduce((sum, service) => sum + service.matcherCount, 0);
    },
  };
}
