/** POST /tokenize, /detokenize and /apply-template: the text side without a generation. */
import type { FastifyInstance } from 'fastify';
import { EtapError } from '../../errors.ts';
import {
  checkAtMost,
  checkModel,
  checkTokenIds,
  DetokenizeBody,
  refusedFields,
  refuseUnsupported,
  TemplateBody,
  TokenizeBody,
  toMessages,
  toRenderOptions,
  withFirst,
} from '../openai/index.ts';
import type { ServerContext } from '../server-context.ts';

const REFUSED = refusedFields(TemplateBody);

export function addTextRoutes(app: FastifyInstance, server: ServerContext): void {
  const { text, modelName, config } = server.deps;

  app.post<{ Body: TokenizeBody }>(
    '/tokenize',
    { schema: { body: TokenizeBody } },
    async ({ body }) => {
      checkModel(body.model, modelName);
      refuseUnsupported(body, REFUSED);
      const { maxModelLen } = server.readyInfo();
      const tokens = Array.from(await tokenize(body, server));
      const strings = tokens.map((id) => text.tokenizer.tokenText(id));
      return {
        count: tokens.length,
        max_model_len: maxModelLen,
        tokens,
        token_strs: body.return_token_strs === true ? strings : null,
      };
    },
  );

  app.post<{ Body: DetokenizeBody }>(
    '/detokenize',
    { schema: { body: DetokenizeBody } },
    async ({ body }) => {
      checkModel(body.model, modelName);
      const { vocabSize, maxModelLen } = server.readyInfo();
      checkAtMost('tokens', body.tokens.length, maxModelLen, 'ids');
      const tokens = checkTokenIds('tokens', body.tokens, { vocabSize, maxModelLen });
      return { prompt: text.tokenizer.decode(tokens, { skipSpecial: false }) };
    },
  );

  app.post<{ Body: TemplateBody }>(
    '/apply-template',
    { schema: { body: TemplateBody } },
    async ({ body }) => {
      checkModel(body.model, modelName);
      refuseUnsupported(body, REFUSED);
      const rendered = await text.renderChat(
        toMessages(body.messages, config.limits),
        toRenderOptions(body),
      );
      return { prompt: rendered.text };
    },
  );
}

async function tokenize(body: TokenizeBody, { deps }: ServerContext): Promise<Int32Array> {
  const { text, config } = deps;
  const { tokenizer } = text;
  if ((body.prompt === undefined) === (body.messages === undefined)) {
    throw new EtapError('ETAP_ERR_INVALID_REQUEST', 'send either prompt or messages', 'prompt');
  }
  if (body.messages === undefined) {
    const addBos = body.add_special_tokens ?? true;
    return tokenizer.encode(body.prompt ?? '', { addBos, parseSpecial: true });
  }
  const { tokens } = await text.renderChat(
    toMessages(body.messages, config.limits),
    toRenderOptions(body),
  );
  const bos = body.add_special_tokens === true ? tokenizer.bosTokenId : null;
  return bos === null ? tokens : withFirst(bos, tokens);
}
