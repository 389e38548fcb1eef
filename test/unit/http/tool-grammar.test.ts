/** The grammar of tool calls is made of the served model's own markers. */
import { expect, it } from 'vitest';
import { toolCallsLanguage } from '../../../src/http/openai/index.ts';
import { CALL_MARKERS, loadTextModel } from '../../../src/text/index.ts';

const { tokenizer } = loadTextModel('models/demo');

it('names the ids of markers that are tokens, and the place of each schema', async () => {
  const parameters = { type: 'object', properties: {} };
  const asked = { format: 'v3.1', callsMax: 1, begun: false } as const;
  const tools = [{ type: 'function', function: { name: 'now', parameters } }] as const;
  const language = await toolCallsLanguage(tokenizer, { tools, ...asked });
  expect(language).toMatchObject({
    ...asked,
    kind: 'toolCalls',
    tools: [{ name: 'now', parameters, path: 'tools[0].function.parameters' }],
  });
  for (const marker of Object.values(CALL_MARKERS)) {
    const id = language.markerIds[marker] as number;
    expect(new TextDecoder().decode(tokenizer.tokenBytes(id))).toBe(marker);
  }
});
