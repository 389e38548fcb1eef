import { describe, expect, it } from 'vitest';
import type { ChatChunk, ChatDelta } from '../../../src/web/api/types.ts';
import {
  type Answer,
  EMPTY_ANSWER,
  type Turn,
  toMessages,
  turnsBeforeAnswer,
  unansweredCall,
  withChunk,
  withEditedTurn,
} from '../../../src/web/chat/conversation.ts';

const chunk = (delta: ChatDelta, finish: string | null = null): ChatChunk => ({
  choices: [{ delta, finish_reason: finish }],
});
const answered = (...chunks: ChatChunk[]): Answer =>
  chunks.reduce((answer, one, index) => withChunk(answer, one, (index + 1) * 10), EMPTY_ANSWER);
const user = (text: string): Turn => ({ kind: 'user', text });
const answer = (change: Partial<Answer>): Turn => ({
  kind: 'answer',
  answer: { ...EMPTY_ANSWER, ...change },
});
const CALL = {
  id: 'call_1',
  type: 'function',
  function: { name: 'add', arguments: '{}' },
} as const;

describe('withChunk', () => {
  it('grows thinking and text, and times the first token', () => {
    const result = answered(
      chunk({ content: '' }),
      chunk({ reasoning_content: 'Hm' }),
      chunk({ content: '4' }),
      chunk({ content: '2' }, 'stop'),
    );
    expect(result).toMatchObject({ reasoning: 'Hm', content: '42', finishReason: 'stop' });
    expect(result).toMatchObject({ firstTokenMs: 20, totalMs: 40 });
  });

  it('puts tool calls together from their pieces', () => {
    const result = answered(
      chunk({ tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: '' } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '{"x":' } }] }),
      chunk({ tool_calls: [{ index: 1, id: 'b', function: { name: 'g' } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '1}' } }] }, 'tool_calls'),
    );
    expect(result.toolCalls).toEqual([
      { id: 'a', type: 'function', function: { name: 'f', arguments: '{"x":1}' } },
      { id: 'b', type: 'function', function: { name: 'g', arguments: '' } },
    ]);
  });

  it('takes usage from the chunk without choices', () => {
    const usage = { prompt_tokens: 3, completion_tokens: 2 };
    expect(answered(chunk({ content: 'a' }), { choices: [], usage }).usage).toEqual(usage);
  });
});

describe('toMessages', () => {
  it('sends what was said, not what was thought, and not what failed', () => {
    const turns = [
      user('one'),
      answer({ content: 'first', reasoning: 'secret' }),
      user('two'),
      answer({ error: { title: 'Not ready', message: 'later', code: null } }),
      user('three'),
      answer({ toolCalls: [CALL] }),
      { kind: 'toolResult', callId: 'call_1', text: '3' },
    ] as const;
    expect(toMessages('Be brief.', turns)).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'first' },
      { role: 'user', content: 'two' },
      { role: 'user', content: 'three' },
      { role: 'assistant', content: null, tool_calls: [CALL] },
      { role: 'tool', content: '3', tool_call_id: 'call_1' },
    ]);
    expect(toMessages('  ', [])).toEqual([]);
  });
});

describe('changing the conversation', () => {
  const turns = [user('one'), answer({ content: 'a' }), user('two'), answer({ content: 'b' })];

  it('asks again from the question of an answer', () => {
    expect(turnsBeforeAnswer(turns, 1)).toEqual(turns.slice(0, 1));
    expect(turnsBeforeAnswer(turns, 3)).toEqual(turns.slice(0, 3));
  });

  it('drops what followed an edited message', () => {
    expect(withEditedTurn(turns, 0, 'uno')).toEqual([user('uno')]);
    expect(withEditedTurn(turns, 2, 'due')).toEqual([...turns.slice(0, 2), user('due')]);
    expect(withEditedTurn(turns, 1, 'no')).toBe(turns);
  });

  it('finds the tool call that waits for its result', () => {
    const calls = [CALL, { ...CALL, id: 'call_2' }];
    const called = [user('add'), answer({ toolCalls: calls })];
    expect(unansweredCall(called)?.id).toBe('call_1');
    const result = { kind: 'toolResult', callId: 'call_1', text: '3' } as const;
    expect(unansweredCall([...called, result])?.id).toBe('call_2');
    expect(unansweredCall([...called, result, result])).toBeNull();
    expect(unansweredCall(turns)).toBeNull();
  });
});
