/** One text, cut into tokens in any way, gives the same answer: as a stream and as a whole. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FinishRecord } from '../../../src/engine/index.ts';
import type { GenerationRequest } from '../../../src/http/generation-request.ts';
import { EOS_ID, FakeTextModel } from '../../support/fake-text-model.ts';
import { runSequence } from '../../support/sequence-run.ts';

const text = new FakeTextModel();

/** What is heard of a raw text. */
function run(
  changes: Partial<GenerationRequest>,
  tokenIds: readonly number[],
  finish: Partial<FinishRecord> = {},
) {
  const { parts, ...heard } = runSequence(text, changes, tokenIds, finish);
  const content = parts.map((part) => {
    if (part.kind !== 'content') throw new Error(`raw text has no ${part.kind}`);
    return part;
  });
  const deltas = content.map((part) => part.text);
  return { ...heard, deltas, tokens: content.flatMap(({ tokens }) => tokens) };
}

/** A text over few characters, so that stop strings occur, and cuts through its bytes. */
const unit = fc.constantFrom('a', 'b', 'ab', 'é', '€', '😀', ' ');
const textOf = (maxLength: number) => fc.array(unit, { maxLength }).map((units) => units.join(''));
const cuts = fc.array(fc.nat(60), { maxLength: 20 });
const stops = fc.array(
  textOf(3).filter((stop) => stop !== ''),
  { maxLength: 3 },
);

function cutIntoTokens(full: string, at: readonly number[]): number[] {
  const bytes = Buffer.from(full);
  const borders = [...new Set([0, ...at.filter((cut) => cut < bytes.length), bytes.length])];
  borders.sort((a, b) => a - b);
  return borders.slice(1).map((end, index) => text.token(bytes.subarray(borders[index], end)));
}

/** The stop string that is complete first; of those that end together the longest. */
function firstStop(full: string, stopStrings: readonly string[]) {
  const found = stopStrings
    .filter((stop) => full.includes(stop))
    .map((stop) => ({ stop, start: full.indexOf(stop), end: full.indexOf(stop) + stop.length }));
  found.sort((a, b) => a.end - b.end || a.start - b.start);
  return found[0] ?? null;
}

describe('text of a sequence', () => {
  it('is the same for every way to cut it into tokens, with and without stop strings', () => {
    fc.assert(
      fc.property(textOf(20), cuts, stops, fc.boolean(), (full, at, stopStrings, includeStop) => {
        const heard = run({ stopStrings, includeStop }, cutIntoTokens(full, at));
        const stop = firstStop(full, stopStrings);
        const end = stop === null ? full.length : includeStop ? stop.end : stop.start;
        expect(heard.deltas.join('')).toBe(full.slice(0, end));
        expect(heard.deltas).not.toContain('');
        expect(heard.outcome).toMatchObject({
          finishReason: stop === null ? 'length' : 'stop',
          stopReason: stop?.stop ?? null,
          cachedTokenCount: 2,
        });
      }),
      { numRuns: 5000 },
    );
  });

  it('never shows a part of a character or of a stop string', () => {
    fc.assert(
      fc.property(textOf(20), cuts, stops, (full, at, stopStrings) => {
        let shown = '';
        for (const delta of run({ stopStrings }, cutIntoTokens(full, at)).deltas) {
          shown += delta;
          expect(shown.isWellFormed()).toBe(true);
          expect(full.startsWith(shown)).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('tells the engine to stop with the token that completes a stop string', () => {
    const tokens = text.tokens('one ', 'ST', 'OP', ' two', ' three');
    const heard = run({ stopStrings: ['STOP'] }, tokens);
    expect(heard.stopFoundAfter).toBe(3);
    expect(heard.outcome).toMatchObject({ completionTokenCount: 3, stopReason: 'STOP' });
    expect(heard.deltas.join('')).toBe('one ');
  });

  it('looks for no stop string in the tokens that min_tokens asks for', () => {
    const tokens = text.tokens('STOP', ' ST', 'OP', 'STOP', ' never');
    const heard = run({ stopStrings: ['STOP'], minTokens: 2 }, tokens);
    expect(heard.deltas.join('')).toBe('STOP STOP');
    expect(heard.outcome?.completionTokenCount).toBe(4);
  });

  it('keeps the text of a stop token where the client wants it', () => {
    const [stop = 0] = text.tokens('</end>');
    const asked = { namedStopTokenIds: new Set([stop]), includeStop: true };
    const heard = run(asked, text.tokens('a'), { reason: 'stop', stopTokenId: stop });
    expect(heard.deltas.join('')).toBe('a</end>');
    expect(heard.outcome).toMatchObject({ stopReason: stop, completionTokenCount: 2 });
  });

  it('does not name the end of the sequence as the reason', () => {
    const heard = run({}, text.tokens('a'), { reason: 'stop', stopTokenId: EOS_ID });
    expect(heard.outcome).toMatchObject({ finishReason: 'stop', stopReason: null });
  });

  it.each([
    ['abort', null, 'ETAP_ERR_ABORTED'],
    ['error', 'ETAP_ERR_NAN_LOGITS', 'ETAP_ERR_NAN_LOGITS'],
    ['error', 'SOMETHING_ELSE', 'ETAP_ERR_INTERNAL'],
  ] as const)('fails on %s %s', (reason, errorCode, expected) => {
    const heard = run({}, text.tokens('a'), { reason, errorCode });
    expect(heard).toMatchObject({ failure: expected, outcome: null });
  });
});

describe('tokens of a sequence', () => {
  it('begin where their first byte is, and stop where the text stops', () => {
    fc.assert(
      fc.property(textOf(20), cuts, stops, (full, at, stopStrings) => {
        const ids = cutIntoTokens(full, at);
        const heard = run({ stopStrings, wantsTokens: true }, ids);
        const shownCount = [...heard.deltas.join('')].length;
        let bytes = 0;
        const expected = ids.map((id) => {
          const before = Buffer.from(full).subarray(0, bytes + 1);
          bytes += text.tokenizer.tokenBytes(id).length;
          return { id, offset: [...before.toString()].length - 1, logprobs: null };
        });
        const stopped = heard.outcome?.finishReason === 'stop';
        expect(heard.tokens).toEqual(
          stopped ? expected.filter(({ offset }) => offset < shownCount) : expected,
        );
        expect(heard.ids).toEqual(ids.slice(0, heard.outcome?.completionTokenCount));
      }),
      { numRuns: 3000 },
    );
  });

  it('come with the text that they begin in', () => {
    const heard = run({ stopStrings: ['abc'], wantsTokens: true }, text.tokens('x', 'a', 'b', 'd'));
    expect(heard.deltas).toEqual(['x', 'abd']);
    expect(heard.tokens.map(({ offset }) => offset)).toEqual([0, 1, 2, 3]);
  });

  it('of broken bytes are counted as the replaced text is', () => {
    const byte = fc.constantFrom(0x61, 0x80, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0xff, 0xed, 0xa0);
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 4 }), { maxLength: 8 }),
        fc.array(byte, { minLength: 1, maxLength: 8 }),
        (chunks, extra) => {
          const ids = [...chunks, Uint8Array.from(extra)].map((bytes) => text.token(bytes));
          const heard = run({ wantsTokens: true }, ids);
          expect(heard.tokens.map(({ id }) => id)).toEqual(ids);
          const offsets = heard.tokens.map(({ offset }) => offset);
          expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
          expect(offsets.at(-1)).toBeLessThan([...heard.deltas.join('')].length);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
