import { describe, expect, it } from 'vitest';
import { EMPTY_ANSWER, type Turn } from '../../../src/web/chat/conversation.ts';
import { loadTurns, SAVED_LENGTH_MAX, saveTurns } from '../../../src/web/chat/saved-chat.ts';

function store(content: string | null = null) {
  const kept = { text: content };
  return {
    kept,
    getItem: () => kept.text,
    setItem: (_name: string, value: string) => {
      kept.text = value;
    },
  };
}

const TOKEN = { token: 'x'.repeat(1000), logprob: -1, top_logprobs: [] };
const answer = (tokenCount: number): Turn => ({
  kind: 'answer',
  answer: { ...EMPTY_ANSWER, content: 'text', tokens: Array(tokenCount).fill(TOKEN) },
});

describe('a saved conversation', () => {
  it('comes back as it was', () => {
    const turns: Turn[] = [{ kind: 'user', text: 'hi' }, answer(1)];
    const one = store();
    saveTurns(one, turns);
    expect(loadTurns(one)).toEqual(turns);
  });

  it('is cut to what is allowed: probabilities first, then the oldest turns', () => {
    const one = store();
    saveTurns(one, [{ kind: 'user', text: 'hi' }, answer(2000)]);
    expect(loadTurns(one)).toEqual([{ kind: 'user', text: 'hi' }, answer(0)]);

    const long = { kind: 'user', text: 'y'.repeat(SAVED_LENGTH_MAX * 0.7) } as const;
    saveTurns(one, [long, answer(0), long]);
    expect(loadTurns(one)).toEqual([answer(0), long]);
    expect(one.kept.text?.length).toBeLessThanOrEqual(SAVED_LENGTH_MAX);
  });

  it.each([
    null,
    '',
    'null',
    '{"kind":"user"}',
    '[1,null,"a",{"kind":"user"},{"kind":"answer","answer":{"content":1}},{"kind":"other","text":"x"}]',
  ])('is empty where %j was left', (content) => {
    expect(loadTurns(store(content))).toEqual([]);
  });

  it('is not kept where the browser refuses', () => {
    const refusing = {
      getItem: () => {
        throw new Error('forbidden');
      },
      setItem: () => {
        throw new Error('full');
      },
    };
    expect(() => saveTurns(refusing, [])).not.toThrow();
    expect(loadTurns(refusing)).toEqual([]);
  });
});
