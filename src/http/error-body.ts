/** Errors as OpenAI clients read them: always one nested object, whatever went wrong. */
import type { FastifyError } from 'fastify';
import { EtapError } from '../errors.ts';

export type ErrorBody = {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
};

export const errorBody = (error: EtapError): ErrorBody => ({
  error: { message: error.message, type: error.type, param: error.param, code: error.slug },
});

/** A full queue moves on quickly; an engine takes longer to come back. */
const QUEUE_RETRY_SECONDS = 1;
const ENGINE_RETRY_SECONDS = 5;

/** Headers that belong to an error: when to come back, or not to retry at all. */
export function errorHeaders(error: EtapError): Record<string, string> {
  switch (error.status) {
    case 401:
      return { 'www-authenticate': 'Bearer' };
    case 409:
      return { 'x-should-retry': 'false' };
    case 413:
    case 431:
      return { connection: 'close' };
    case 429:
      return retryHeaders(error.retryAfterMs);
    case 503:
      return {
        'retry-after': String(ENGINE_RETRY_SECONDS),
        // The next request over this connection would come back here.
        ...(error.code === 'ETAP_ERR_SHUTTING_DOWN' && { connection: 'close' }),
      };
    default:
      return {};
  }
}

function retryHeaders(afterMs: number | null): Record<string, string> {
  if (afterMs === null) return { 'retry-after': String(QUEUE_RETRY_SECONDS) };
  if (!Number.isFinite(afterMs)) return { 'x-should-retry': 'false' };
  return {
    'retry-after': String(Math.ceil(afterMs / 1000)),
    'retry-after-ms': String(Math.ceil(afterMs)),
  };
}

/** Any thrown value as a coded error; what we did not foresee becomes ETAP_ERR_INTERNAL. */
export function toEtapError(error: unknown): EtapError {
  if (error instanceof EtapError) return error.status === 0 ? internalError() : error;
  return FRAMEWORK_ERRORS[codeOf(error)]?.() ?? internalError();
}

const internalError = (): EtapError =>
  new EtapError(
    'ETAP_ERR_INTERNAL',
    'the server failed to handle this request; the log tells more, look for its x-request-id',
  );

const codeOf = (error: unknown): string => (error as Partial<FastifyError> | null)?.code ?? '';

/** Errors that Fastify raises before a handler runs. */
const FRAMEWORK_ERRORS: Readonly<Record<string, () => EtapError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () => bodyTooLarge(),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () => wrongMediaType(),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    new EtapError('ETAP_ERR_INVALID_REQUEST', 'the body is not as long as content-length says'),
  FST_ERR_BAD_URL: () =>
    new EtapError('ETAP_ERR_INVALID_REQUEST', 'the path of the URL is not validly encoded'),
  FST_ERR_MAX_PARAM_LENGTH: () =>
    new EtapError('ETAP_ERR_ROUTE_NOT_FOUND', 'a part of the path is longer than allowed'),
};

export const bodyTooLarge = (bytesMax?: number): EtapError =>
  new EtapError(
    'ETAP_ERR_BODY_TOO_LARGE',
    bytesMax === undefined
      ? 'the body is larger than this server allows'
      : `the body is larger than ${bytesMax} bytes, the most that this model's context allows`,
  );

const wrongMediaType = (): EtapError =>
  new EtapError(
    'ETAP_ERR_MEDIA_TYPE',
    'the content-type of the body is not supported; send application/json',
  );
