/**
 * One generation request from its arrival to its end, whatever carries its answer: it is counted among
 * the open ones, found by its names, measured and logged.
 */
import { randomUUID } from 'node:crypto';
import { type ErrorCode, EtapError } from '../errors.ts';
import type { Caller } from '../keys/index.ts';
import type { RequestOutcome } from '../metrics/index.ts';
import { toEtapError } from './error-body.ts';
import { Generation, type GenerationListener } from './generation.ts';
import { GenerationLog } from './generation-log.ts';
import type { GenerationRequest } from './generation-request.ts';
import type { OpenRequest } from './open-requests.ts';
import type { AnswerHead, RequestContext } from './openai/index.ts';
import type { ServerContext } from './server-context.ts';
import type { HttpMetrics } from './server-deps.ts';

export type CallFacts = {
  /** In front of the random part of the answer's id. */
  readonly idPrefix: string;
  readonly caller: Caller;
  /** Names beside the answer's id by which /abort_request finds the call. */
  readonly names: readonly (string | null | undefined)[];
};

export class GenerationCall implements OpenRequest {
  /** Of the answer. */
  readonly id: string;
  readonly names: readonly string[];
  readonly caller: Caller;
  readonly #server: ServerContext;
  #log: GenerationLog | null = null;
  #generation: Generation | null = null;
  #aborted = false;
  #cancelled = false;
  #failure: unknown = null;

  constructor(server: ServerContext, { idPrefix, caller, names }: CallFacts) {
    this.id = newId(idPrefix);
    this.names = [this.id, ...names].filter((name) => typeof name === 'string');
    this.caller = caller;
    this.#server = server;
  }

  /** What the log tells about the generation; null until the request was validated. */
  get log(): GenerationLog | null {
    return this.#log;
  }

  /**
   * Validates and tokenizes with `toRequest`, then hands the request to `answer`; the call is open
   * until that resolves. Throws EtapError, also for calls refused for want of room.
   */
  async run<Answer>(
    toRequest: (context: RequestContext) => Promise<GenerationRequest>,
    answer: (request: GenerationRequest) => Promise<Answer>,
  ): Promise<Answer> {
    const { openRequests, deps } = this.#server;
    try {
      const context = this.#server.requestContext(this.caller);
      openRequests.add(this);
      const request = await toRequest(context);
      this.#checkNotAborted();
      this.#log = new GenerationLog(request, this.#server.loggedText(), () =>
        this.#server.clock.now(),
      );
      return await answer(request);
    } catch (error) {
      this.#failure = error;
      countRejection(error, deps.metrics);
      throw error;
    } finally {
      openRequests.remove(this);
      deps.metrics.onOutcome(this.#outcome());
    }
  }

  /** Starts the sequences. Throws as Generation.start does. */
  start(request: GenerationRequest, listener: GenerationListener): void {
    const { deps } = this.#server;
    deps.metrics.onRequest(request.completionsPerPrompt);
    this.#generation = Generation.start(deps, request, this.#log?.tap(listener) ?? listener);
  }

  /** The client is gone: ends what was started; the listener hears nothing any more. */
  cancel(): void {
    this.#cancelled = true;
    this.#generation?.cancel();
  }

  readonly abort = (): void => {
    this.#aborted = true;
    this.#generation?.abort();
  };

  /** What the answer says about itself. Throws EtapError ETAP_ERR_ENGINE_NOT_READY. */
  head(): AnswerHead {
    return {
      id: this.id,
      created: this.#server.clock.unixSeconds(),
      model: this.#server.deps.modelName,
      fingerprint: this.#server.fingerprint(),
    };
  }

  #outcome(): RequestOutcome {
    const failure = this.#failure ?? this.#log?.error ?? null;
    if (failure === null) return this.#cancelled ? 'client_gone' : 'ok';
    const { code, status } = toEtapError(failure);
    if (REJECTIONS[code] !== undefined) return 'rejected';
    if (code === 'ETAP_ERR_ABORTED') return 'aborted';
    return status < 500 ? 'invalid' : 'error';
  }

  #checkNotAborted(): void {
    if (!this.#aborted) return;
    throw new EtapError('ETAP_ERR_ABORTED', 'the request was aborted through /abort_request');
  }
}

/** An id that cannot be guessed. */
export const newId = (prefix: string): string => prefix + randomUUID().replaceAll('-', '');

function countRejection(error: unknown, metrics: HttpMetrics): void {
  const reason = error instanceof EtapError ? REJECTIONS[error.code] : undefined;
  if (reason !== undefined) metrics.onRejection(reason);
}

const REJECTIONS: Partial<Record<ErrorCode, Parameters<HttpMetrics['onRejection']>[0]>> = {
  ETAP_ERR_QUEUE_FULL: 'queue_full',
  ETAP_ERR_RATE_LIMIT: 'rate_limit',
  ETAP_ERR_ENGINE_NOT_READY: 'engine_not_ready',
  ETAP_ERR_SHUTTING_DOWN: 'shutting_down',
};
