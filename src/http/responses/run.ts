/** One response from its request to its end, whatever carries it: HTTP or a socket. */
import { EtapError } from '../../errors.ts';
import type { Caller } from '../../keys/index.ts';
import { GenerationCall } from '../generation-call.ts';
import type { GenerationRequest } from '../generation-request.ts';
import { answerOptions, refusedFields, refuseUnsupported } from '../openai/index.ts';
import type { ServerContext } from '../server-context.ts';
import { ResponseEncoder } from './encoder.ts';
import { toInputItems } from './input-items.ts';
import type { Item, Turn } from './items.ts';
import type { ResponseResource } from './resource.ts';
import { ResponsesBody } from './schema.ts';
import { responseToRequest } from './to-chat.ts';

export type RunParts = {
  readonly server: ServerContext;
  readonly caller: Caller;
  readonly body: ResponsesBody;
  /** Names beside its id by which /abort_request finds it. */
  readonly names: readonly (string | null | undefined)[];
  /** What it goes on from, where the carrier remembers it. */
  readonly parent: Turn | null;
  /** Only put the prompt into the prefix cache. */
  readonly warmUp: boolean;
  /** Something waits in the encoder. */
  readonly onWaiting: () => void;
};

const REFUSED = refusedFields(ResponsesBody);

export class ResponseRun {
  readonly call: GenerationCall;
  readonly tenant: string;
  readonly #parts: RunParts;
  #encoder: ResponseEncoder | null = null;
  #input: readonly Item[] = [];
  #cancelled = false;

  constructor(parts: RunParts) {
    const { server, caller, body, names } = parts;
    this.#parts = parts;
    this.tenant = caller.tenant;
    this.call = new GenerationCall(server, {
      idPrefix: 'resp_',
      caller,
      names: [...names, body.request_id, body.rid],
    });
  }

  get id(): string {
    return this.call.id;
  }

  /**
   * Makes the response; `carry` takes its events until there are no more. Throws EtapError for what
   * goes wrong before the response exists; from then on failures are part of it.
   */
  async run(carry: (encoder: ResponseEncoder) => Promise<void>): Promise<void> {
    const { body, server } = this.#parts;
    refuseUnsupported(body, REFUSED);
    this.#input = this.#conversation();
    await this.call.run(
      (context) => responseToRequest(body, this.#input, context),
      async (asked) => {
        const request = this.#parts.warmUp ? prefillOnly(asked) : asked;
        const encoder = this.#newEncoder(request);
        this.#encoder = encoder;
        // The client may have lost interest while its prompt was tokenized.
        if (this.#cancelled) encoder.cancel();
        else this.call.start(request, encoder);
        server.responses.begin(this);
        try {
          await Promise.all([carry(encoder), encoder.end]);
        } finally {
          server.responses.end(this);
        }
      },
    );
  }

  /** Nobody wants the rest. What was said so far is kept as the response's output. */
  cancel(): void {
    this.#cancelled = true;
    this.call.cancel();
    this.#encoder?.cancel();
  }

  /** As far as it has come; only once it exists. */
  resource(): ResponseResource {
    if (this.#encoder === null) throw new EtapError('ETAP_ERR_INTERNAL', 'no response yet');
    return this.#encoder.resource();
  }

  /** What a later response goes on from; null unless this one said something. */
  turn(): Turn | null {
    const resource = this.#encoder?.resource();
    if (resource === undefined || resource.status === 'failed') return null;
    return { id: this.id, items: [...this.#input, ...resource.output] };
  }

  /** Throws EtapError ETAP_ERR_PREVIOUS_RESPONSE, ETAP_ERR_INVALID_REQUEST, ETAP_ERR_NOT_SUPPORTED. */
  #conversation(): readonly Item[] {
    const { body, server, parent } = this.#parts;
    const { previous_response_id: previous } = body;
    const turn = parent ?? (previous == null ? null : server.responses.turn(this.tenant, previous));
    const before = turn?.items ?? [];
    const findItem = (id: string) =>
      before.find((item) => item.id === id) ?? server.responses.findItem(this.tenant, id);
    return [...before, ...toInputItems(body.input, findItem)];
  }

  #newEncoder(request: GenerationRequest): ResponseEncoder {
    const { body, server, onWaiting } = this.#parts;
    const { clock, deps } = server;
    const head = this.call.head();
    const { style } = answerOptions({ head, request, tokenizer: deps.text.tokenizer }, {});
    const parts = { head, body, request, style, now: () => clock.unixSeconds() };
    return new ResponseEncoder(parts, { onWaiting, onEnd: () => this.#onEnd() });
  }

  #onEnd(): void {
    const { body, server } = this.#parts;
    if (body.store === false || this.#encoder === null) return;
    const response = this.#encoder.resource();
    server.responses.store.put(this.tenant, { response, input: this.#input });
  }
}

const prefillOnly = (request: GenerationRequest): GenerationRequest => ({
  ...request,
  prefillOnly: true,
  prompts: request.prompts.map((prompt) => ({ ...prompt, maxTokens: 0 })),
});
