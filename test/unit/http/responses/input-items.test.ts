import { describe, expect, it } from 'vitest';
import { toInputItems } from '../../../../src/http/responses/input-items.ts';

describe('input items', () => {
  it('may refer to so many earlier ones, before any is looked up', () => {
    const references = (count: number) =>
      Array.from({ length: count }, () => ({ type: 'item_reference', id: 'msg_1' }));
    let lookups = 0;
    const find = () => {
      lookups++;
      return null;
    };
    expect(() => toInputItems(references(65), find)).toThrow(
      expect.objectContaining({ code: 'ETAP_ERR_INVALID_REQUEST', param: 'input' }),
    );
    expect(lookups).toBe(0);
  });
});
