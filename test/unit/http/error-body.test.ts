import { describe, expect, it } from 'vitest';
import { ERROR_TABLE, type ErrorCode, EtapError } from '../../../src/errors.ts';
import { errorBody, errorHeaders, toEtapError } from '../../../src/http/error-body.ts';

const codes = Object.keys(ERROR_TABLE) as ErrorCode[];

describe('errors on the wire', () => {
  it.each(codes)('%s is one nested object with a status', (code) => {
    const error = toEtapError(new EtapError(code, 'what happened', 'field'));
    expect(error.status).toBeGreaterThanOrEqual(400);
    const started = ERROR_TABLE[code].status === 0;
    expect(error.code).toBe(started ? 'ETAP_ERR_INTERNAL' : code);
    expect(errorBody(error)).toEqual({
      error: {
        message: started ? expect.not.stringContaining('what happened') : 'what happened',
        type: error.type,
        param: started ? null : 'field',
        code: error.slug,
      },
    });
  });

  it.each([new TypeError('secret'), 'secret', null, undefined, { code: 'ENOENT' }])(
    'hides what was not foreseen: %s',
    (thrown) => {
      const error = toEtapError(thrown);
      expect(error.code).toBe('ETAP_ERR_INTERNAL');
      expect(error.message).not.toContain('secret');
    },
  );

  it.each([
    ['ETAP_ERR_QUEUE_FULL', { 'retry-after': '1' }],
    ['ETAP_ERR_ENGINE_NOT_READY', { 'retry-after': '5' }],
    ['ETAP_ERR_SHUTTING_DOWN', { 'retry-after': '5', connection: 'close' }],
    ['ETAP_ERR_UNAUTHORIZED', { 'www-authenticate': 'Bearer' }],
    ['ETAP_ERR_ABORTED', { 'x-should-retry': 'false' }],
    ['ETAP_ERR_INVALID_REQUEST', {}],
  ] as const)('%s says when to come back', (code, headers) => {
    expect(errorHeaders(new EtapError(code, ''))).toEqual(headers);
  });
});
