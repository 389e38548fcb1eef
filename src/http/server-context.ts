/** What every route works with: the dependencies and the state of the HTTP side. */
import { createHash } from 'node:crypto';
import type { EngineInfo, EngineState } from '../engine/index.ts';
import { EtapError } from '../errors.ts';
import { type Caller, KeyRing } from '../keys/index.ts';
import type { TextModel } from '../text/index.ts';
import { type Clock, systemClock } from './clock.ts';
import { OPEN_REQUESTS_PER_QUEUE_SLOT } from './limits.ts';
import { OpenRequests } from './open-requests.ts';
import type { RequestContext } from './openai/index.ts';
import { type PageFile, pageFiles } from './playground.ts';
import { Responses } from './responses/index.ts';
import type { ServerDeps } from './server-deps.ts';
import { SseStreams } from './sse.ts';
import { SocketConnections } from './websocket/index.ts';

export class ServerContext {
  readonly deps: ServerDeps;
  readonly clock: Clock;
  readonly keyRing: KeyRing;
  readonly openRequests: OpenRequests;
  readonly streams: SseStreams;
  readonly sockets: SocketConnections;
  readonly responses: Responses;
  /** The playground; without files when it is off. */
  readonly page: { readonly folder: string; readonly files: readonly PageFile[] };
  #draining = false;

  constructor(deps: ServerDeps) {
    const { limits, timeouts, websocket } = deps.config;
    const pageFolder = deps.pageFolder ?? '';
    this.deps = deps;
    this.page = { folder: pageFolder, files: pageFolder === '' ? [] : pageFiles(pageFolder) };
    this.clock = deps.clock ?? systemClock;
    const { clock } = this;
    this.keyRing = new KeyRing(deps.apiKeys, {
      now: () => clock.now(),
      unixMs: () => clock.unixSeconds() * 1000,
    });
    this.openRequests = new OpenRequests(limits.queueLength * OPEN_REQUESTS_PER_QUEUE_SLOT);
    this.streams = new SseStreams({
      clock: this.clock,
      metrics: deps.metrics,
      limits: {
        waitingLengthMax: limits.streamBufferBytes,
        pingMs: timeouts.pingMs,
        slowReaderMs: timeouts.slowReaderMs,
      },
    });
    this.responses = new Responses(deps.config.responses, {
      unixSeconds: () => this.clock.unixSeconds(),
      onStoreError: (err) => deps.logger?.error({ err }, 'a response could not be stored'),
    });
    this.sockets = new SocketConnections({
      clock: this.clock,
      metrics: deps.metrics,
      limits: {
        connectionsMax: websocket.connections,
        bufferBytes: websocket.bufferBytes,
        pingMs: websocket.pingMs,
        slowReaderMs: timeouts.slowReaderMs,
        ageMs: websocket.ageMs,
      },
    });
  }

  /** Readiness is gone for good; requests are still served. */
  beginDrain(): void {
    this.#draining = true;
    this.deps.metrics.onDrain();
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Throws EtapError ETAP_ERR_ENGINE_NOT_READY unless a model is served right now. */
  readyInfo(): EngineInfo {
    const { state, info } = this.deps.engine;
    if (state === 'ready' && info !== null) return info;
    throw new EtapError('ETAP_ERR_ENGINE_NOT_READY', NOT_READY[state]);
  }

  /** Throws EtapError ETAP_ERR_ENGINE_NOT_READY. */
  requestContext(caller: Caller): RequestContext {
    const { vocabSize, maxModelLen } = this.readyInfo();
    return {
      facts: { vocabSize, maxModelLen },
      limits: this.deps.config.limits,
      cacheScope: this.deps.config.engine.prefixCache,
      text: this.deps.text,
      modelName: this.deps.modelName,
      caller,
    };
  }

  /** Where the log finds texts; null where they must stay out of it. */
  loggedText(): TextModel | null {
    return this.deps.config.log.content ? this.deps.text : null;
  }

  /** Changes whenever equal requests may get other answers: version, model, kernels. */
  fingerprint(): string {
    const { backend, isa, dtype } = this.readyInfo();
    const parts = [this.deps.version, this.deps.modelName, backend, isa, dtype];
    return `fp_${createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12)}`;
  }
}

const NOT_READY: Readonly<Record<EngineState, string>> = {
  loading: 'the model is still loading; retry in a moment',
  ready: 'the model is not ready yet; retry in a moment',
  restarting: 'the engine was lost and is restarting; retry in a moment',
  failed: 'the engine failed and does not start again; the server must be restarted',
  stopped: 'the engine was stopped: the server is shutting down',
};
