/** An engine that computes nothing: every step gives each open sequence one token. */
import type {
  EngineClient,
  EngineInfo,
  EngineState,
  FinishRecord,
  GenerateCommand,
  SequenceListener,
} from '../../src/engine/index.ts';

type Open = {
  readonly command: GenerateCommand;
  readonly listener: SequenceListener;
  count: number;
};

const INFO: EngineInfo = {
  backend: 'emitter',
  isa: 'none',
  dtype: 'none',
  layerCount: 1,
  vocabSize: 1 << 20,
  maxModelLen: 1 << 20,
  blockSize: 64,
  blockCount: 1,
  slotCount: 1,
  kvBytesPerToken: 0,
  weightBytes: 0,
  threadCount: 1,
  tensorParallelSize: 1,
  loadMs: 0,
};

export class Emitter implements EngineClient {
  readonly state: EngineState = 'ready';
  readonly info = INFO;
  readonly stats = null;
  readonly restartCount = 0;
  readonly #open = new Map<number, Open>();
  readonly #tokens: readonly number[];
  readonly #stepMs: number;
  #nextId = 1;
  #running = false;

  /** @param tokens ids said in turn; @param stepMs 0 steps as often as the event loop turns */
  constructor(tokens: readonly number[], stepMs: number) {
    this.#tokens = tokens;
    this.#stepMs = stepMs;
  }

  generate(command: GenerateCommand, listener: SequenceListener): number {
    const id = this.#nextId++;
    this.#open.set(id, { command, listener, count: 0 });
    if (!this.#running) this.#run();
    return id;
  }

  abort(id: number): void {
    this.#finish(id, 'abort');
  }

  /** Steps at a fixed rate; steps that a busy event loop missed are made up for. */
  #run(): void {
    this.#running = true;
    const startMs = performance.now();
    let steps = 0;
    const turn = () => {
      const due = this.#stepMs === 0 ? steps + 1 : (performance.now() - startMs) / this.#stepMs;
      for (; steps < due; steps++) this.#step();
      this.#running = this.#open.size > 0;
      if (!this.#running) return;
      if (this.#stepMs === 0) setImmediate(turn);
      else setTimeout(turn, Math.max(1, startMs + steps * this.#stepMs - performance.now()));
    };
    turn();
  }

  /** Looks each sequence up by its id, as a message of the engine process needs it. */
  #step(): void {
    for (const id of [...this.#open.keys()]) {
      const open = this.#open.get(id);
      if (open === undefined) continue;
      open.listener.onToken(this.#tokens[open.count % this.#tokens.length] ?? 0, null);
      open.count++;
      if (open.count >= open.command.maxTokens) this.#finish(id, 'length');
    }
  }

  #finish(id: number, reason: FinishRecord['reason']): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    open.listener.onFinish({
      id,
      reason,
      stopTokenId: null,
      errorCode: null,
      errorMessage: null,
      promptTokenCount: open.command.promptTokens.length,
      cachedTokenCount: 0,
      completionTokenCount: open.count,
      preemptionCount: 0,
      queuedMs: 0,
      firstTokenMs: 0,
      totalMs: 0,
    });
  }

  flushPrefixCache(): void {}
  watch(): () => void {
    return () => {};
  }
  async ready(): Promise<EngineInfo> {
    return INFO;
  }
  onStateChange(): void {}
  onStep(): void {}
  onProgress(): void {}
  async close(): Promise<void> {}
}
