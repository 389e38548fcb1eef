/** The grammar of tool calls is made of the served model's own markers. */
import { expect, it } from 'vitest';
import { toToolGrammar } from '../../../src/http/openai/index.ts';
import { CALL_MARKERS, loadTextModel } from '../../../src/text/index.ts';

const text = loadTextModel('models/demo');
const parameters = { type: 'object', properties: {} };
const tool = (name: string) =>
  ({ type: 'function', function: { name, parameters, strict: true } }) as const;

it('names the ids of markers that are tokens, and the place of each schema', async () => {
  const choice = { type: 'function', function: { name: 'now' } } as const;
  const tools = [tool('then'), tool('now')];
  const spec = await toToolGrammar({ tools, choice, single: false }, text);
  expect(spec?.startAfter).toBeNull();
  const language = spec?.language;
  if (language?.kind !== 'toolCalls') throw new Error('no tool calls');
  expect(language).toMatchObject({
    format: 'v3.1',
    callsMax: 1,
    begun: false,
    tools: [{ name: 'now', parameters, path: 'tools[1].function.parameters' }],
  });
  for (const marker of Object.values(CALL_MARKERS)) {
    const id = language.markerIds[marker] ?? -1;
    expect(new TextDecoder().decode(text.tokenizer.tokenBytes(id))).toBe(marker);
  }
});

it('of a strict tool begins behind the one token that begins calls', async () => {
  const spec = await toToolGrammar({ tools: [tool('now')], choice: null, single: false }, text);
  const id = text.markerIds[CALL_MARKERS.callsBegin];
  expect(spec?.startAfter).toEqual({ tokens: [id], mayEnd: true });
});
