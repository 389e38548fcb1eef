/** A sequence as a message: the same one however its text was cut into tokens. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MessageRules } from '../../../src/http/message-parts.ts';
import { EOS_ID, FakeTextModel } from '../../support/fake-text-model.ts';
import {
  CALL_BEGIN,
  CALL_SEPARATOR,
  CALLS_BEGIN,
  cutIntoTokens,
  fencedCall,
  modelOutput,
  plainCall,
  toolCalls,
} from '../../support/model-output.ts';
import { runSequence } from '../../support/sequence-run.ts';

const model = new FakeTextModel();
const RULES: MessageRules = { startsThinking: false, reasoning: 'shown', toolCalls: 'many' };

type Changes = Parameters<typeof runSequence>[1];

/** What a client has in the end. */
function messageOf(
  tokens: readonly number[],
  rules: Partial<MessageRules> = {},
  more: Changes = {},
) {
  const heard = runSequence(model, { message: { ...RULES, ...rules }, ...more }, tokens);
  const calls: { name: string; arguments: string; ended: boolean }[] = [];
  let content = '';
  let reasoning = '';
  for (const part of heard.parts) {
    if (part.kind === 'content') content += part.text;
    else if (part.kind === 'reasoning') reasoning += part.text;
    else if (part.kind === 'toolCall') {
      if (part.call !== calls.length) throw new Error('calls are not counted from 0');
      calls.push({ name: part.name, arguments: '', ended: false });
    } else {
      const call = calls[part.call];
      if (call === undefined || call.ended) throw new Error('a part of a call that is not open');
      if (part.kind === 'toolArguments') call.arguments += part.text;
      else call.ended = true;
    }
  }
  const shown = heard.parts.flatMap((part) => (part.kind === 'content' ? part.tokens : []));
  return { content, reasoning, calls, shown, outcome: heard.outcome, heard };
}

const byByte = (text: string) => [...Buffer.from(text)];

describe('thinking', () => {
  it('is told apart, counted with its markers, and left out where that is asked', () => {
    const tokens = [...model.tokens('<think>', 'why', ' not', '</think>', '\n\n', 'so'), EOS_ID];
    expect(messageOf(tokens)).toMatchObject({
      reasoning: 'why not',
      content: 'so',
      outcome: { reasoningTokenCount: 4, completionTokenCount: 7, finishReason: 'stop' },
    });
    expect(messageOf(tokens, { reasoning: 'hidden' })).toMatchObject({
      reasoning: '',
      content: 'so',
      outcome: { reasoningTokenCount: 4 },
    });
    expect(messageOf(tokens, { reasoning: 'inContent' }).content).toBe(
      '<think>why not</think>\n\nso',
    );
  });

  it('comes in one piece where it should not stream', () => {
    const tokens = model.tokens('why', ' not', '</think>', 'so', ' what');
    const { heard } = messageOf(tokens, { startsThinking: true, reasoning: 'late' });
    expect(heard.parts.map((part) => 'text' in part && part.text)).toEqual([
      'why not',
      'so',
      ' what',
    ]);
  });

  it('is all there is when the tokens run out in it, and that is told as length', () => {
    const tokens = model.tokens('half a', ' thought');
    expect(messageOf(tokens, { startsThinking: true })).toMatchObject({
      reasoning: 'half a thought',
      content: '',
      outcome: { finishReason: 'length', reasoningTokenCount: 2 },
    });
  });
});

describe('stop strings', () => {
  const stopStrings = ['\n\n'];

  it('end the answer, not the thinking in front of it', () => {
    const tokens = byByte('one\n\ntwo</think>\n\nthree\n\nfour');
    expect(messageOf(tokens, { startsThinking: true }, { stopStrings })).toMatchObject({
      reasoning: 'one\n\ntwo',
      content: 'three',
      outcome: { finishReason: 'stop', stopReason: '\n\n' },
    });
  });

  it('do not cut the arguments of a call', () => {
    const text = toolCalls(plainCall('f', '{\n\n}'));
    expect(messageOf(byByte(text), {}, { stopStrings }).calls).toEqual([
      { name: 'f', arguments: '{\n\n}', ended: true },
    ]);
  });

  it('are not put together of content in front of and behind a call', () => {
    const text = `a\n${toolCalls(plainCall('f', '{}'))}b\n\nc`;
    expect(messageOf(byByte(text), {}, { stopStrings })).toMatchObject({ content: 'a\nb' });
  });
});

describe('tool calls', () => {
  it('end the answer as tool_calls, but never hide that it was cut off', () => {
    const text = toolCalls(plainCall('f', '{"a":1}'), plainCall('g', '{}'));
    expect(messageOf([...byByte(text), EOS_ID])).toMatchObject({
      content: '',
      calls: [
        { name: 'f', arguments: '{"a":1}' },
        { name: 'g', arguments: '{}' },
      ],
      outcome: { finishReason: 'tool_calls', stopReason: null },
    });
    const cut = `${CALLS_BEGIN}${CALL_BEGIN}f${CALL_SEPARATOR}{"a":`;
    expect(messageOf(byByte(cut))).toMatchObject({
      calls: [{ name: 'f', arguments: '{"a":', ended: true }],
      outcome: { finishReason: 'length' },
    });
  });

  it('stop the engine behind the first where one is wanted', () => {
    const text = toolCalls(fencedCall('f', '{"a":1}'), fencedCall('g', '{}'));
    const { heard, calls, outcome } = messageOf(byByte(text), { toolCalls: 'one' });
    expect(calls).toEqual([{ name: 'f', arguments: '{"a":1}', ended: true }]);
    expect(heard.stopFoundAfter).toBe(byByte(CALLS_BEGIN + fencedCall('f', '{"a":1}')).length);
    expect(outcome).toMatchObject({ finishReason: 'tool_calls', stopReason: null });
  });

  it('are content without their markers where none may be made', () => {
    const text = `Let me see. ${toolCalls(fencedCall('f', '{}'))}`;
    expect(messageOf(byByte(text), { toolCalls: 'none' })).toMatchObject({
      content: 'Let me see. functionf\n```json\n{}\n```',
      calls: [],
      outcome: { finishReason: 'length' },
    });
  });

  it('that never came to a name are shown as text', () => {
    const text = `${CALLS_BEGIN}${CALL_BEGIN}call nothing`;
    expect(messageOf(byByte(text))).toMatchObject({ content: 'call nothing', calls: [] });
  });
});

describe('tokens', () => {
  it('are those of the content, and every id', () => {
    const text = `<think>é</think>\n\nab${toolCalls(plainCall('f', '{}'))}`;
    const tokens = byByte(text);
    const { shown, heard } = messageOf(tokens, {}, { wantsTokens: true });
    expect(shown.map(({ id }) => id)).toEqual([...Buffer.from('ab')]);
    expect(heard.ids).toEqual(tokens);
  });
});

describe('any output, cut anywhere', () => {
  const rules = fc.record({
    startsThinking: fc.boolean(),
    reasoning: fc.constantFrom<MessageRules['reasoning']>('shown', 'late', 'hidden', 'inContent'),
    toolCalls: fc.constantFrom<MessageRules['toolCalls']>('none', 'one', 'many'),
  });
  const stops = fc.array(fc.constantFrom('a', ' a', '\n\n', '✓😀', '</think>', '"v"'), {
    maxLength: 2,
  });
  const cuts = fc.oneof(
    { weight: 3, arbitrary: fc.array(fc.nat(1000), { maxLength: 30 }) },
    fc.constant(Array.from({ length: 500 }, (_, place) => place)),
  );

  it('is the same message, with the same end, and without markers', () => {
    fc.assert(
      fc.property(modelOutput, rules, stops, cuts, (text, rule, stopStrings, at) => {
        const more = { stopStrings, includeStop: text.length % 2 === 0, wantsTokens: true };
        const final = (tokens: readonly number[]) => {
          const { content, reasoning, calls, outcome } = messageOf(tokens, rule, more);
          const { finishReason, stopReason } = outcome ?? {};
          return { content, reasoning, calls, finishReason, stopReason };
        };
        const whole = final(cutIntoTokens(model, text, []));
        expect(final(cutIntoTokens(model, text, at))).toEqual(whole);
        expect(whole.content + whole.reasoning).not.toContain('｜tool▁');
        for (const { name, arguments: args } of whole.calls) {
          expect(name + args).not.toContain('｜tool▁');
        }
      }),
      { numRuns: 5000 },
    );
  }, 300_000);

  it('shows the tokens that its content consists of', () => {
    fc.assert(
      fc.property(modelOutput, rules, stops, (text, rule, stop) => {
        const more = { stopStrings: stop, wantsTokens: true };
        const { content, shown } = messageOf(byByte(text), rule, more);
        expect(Buffer.from(shown.map(({ id }) => id)).toString()).toBe(content);
      }),
      { numRuns: 1000 },
    );
  });
});
