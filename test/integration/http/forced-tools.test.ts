/** What the engine is told to enforce, so that calls are made and fit their schemas. */
import { describe, expect, it } from 'vitest';
import { askChat, CHAT, MESSAGES, wholeMessage } from '../../support/chat-chunks.ts';
import { EOS_ID } from '../../support/fake-text-model.ts';
import { saying, testServer } from '../../support/http-server.ts';
import { CALLS_BEGIN, plainCall, toolCalls } from '../../support/model-output.ts';

const schema = { type: 'object', properties: { city: { type: 'string' } } };
const tool = (name: string, more: object = {}) => ({
  type: 'function',
  function: { name, parameters: schema, ...more },
});
const named = { type: 'function', function: { name: 'put' } };
/** A keyword that no grammar can enforce. */
const unenforceable = { type: 'object', not: { type: 'string' } };

async function grammarOf(fields: object) {
  const server = testServer({ script: saying(toolCalls(plainCall('get', '{}')), EOS_ID) });
  await askChat(server, fields);
  return server.engine.last.command.grammar;
}

describe('tool_choice', () => {
  const tools = [tool('get'), tool('put')];

  it('required asks for calls of any tool, held to their schemas', async () => {
    expect(await grammarOf({ tools, tool_choice: 'required' })).toMatchObject({
      language: {
        kind: 'toolCalls',
        format: 'v3.1',
        tools: [
          { name: 'get', parameters: schema },
          { name: 'put', parameters: schema },
        ],
        begun: false,
        callsMax: null,
      },
      startAfter: null,
    });
  });

  it('of a tool asks for one call of it', async () => {
    const { language } = (await grammarOf({ tools, tool_choice: named })) ?? {};
    expect(language).toMatchObject({ tools: [{ name: 'put' }], callsMax: 1 });
  });

  it('asks for one call where they are not parallel', async () => {
    const fields = { tools, tool_choice: 'required', parallel_tool_calls: false };
    expect((await grammarOf(fields))?.language).toMatchObject({ callsMax: 1 });
  });

  it('waits for the end of thinking', async () => {
    const fields = { tools, tool_choice: 'required', thinking: true };
    expect((await grammarOf(fields))?.startAfter).toEqual({
      tokens: [...Buffer.from('</think>')],
      mayEnd: false,
    });
  });

  it('auto and none ask for nothing', async () => {
    expect(await grammarOf({ tools })).toBeNull();
    expect(await grammarOf({ tools, tool_choice: 'auto' })).toBeNull();
    const strict = [tool('get', { strict: true })];
    expect(await grammarOf({ tools: strict, tool_choice: 'none' })).toBeNull();
  });

  it('takes any object where a schema cannot be enforced and is not strict', async () => {
    const fields = { tools: [tool('get', { parameters: unenforceable })], tool_choice: 'required' };
    expect((await grammarOf(fields))?.language).toMatchObject({ tools: [{ parameters: null }] });
  });

  it('ends the answer as tool_calls', async () => {
    const server = testServer({ script: saying(toolCalls(plainCall('get', '{}')), EOS_ID) });
    const whole = wholeMessage(await askChat(server, { tools, tool_choice: 'required' }));
    expect(whole).toMatchObject({ content: null, finishReason: 'tool_calls' });
  });
});

describe('a strict tool', () => {
  it('is held to its schema from the marker on that begins calls, others to any object', async () => {
    const tools = [tool('get', { strict: true }), tool('put')];
    expect(await grammarOf({ tools })).toMatchObject({
      language: {
        tools: [
          { name: 'get', parameters: schema },
          { name: 'put', parameters: null },
        ],
        begun: true,
      },
      startAfter: { tokens: [...Buffer.from(CALLS_BEGIN)], mayEnd: true },
    });
  });

  it.each([
    ['auto', { tools: [tool('get', { strict: true, parameters: unenforceable })] }],
    ['a form of the answer', { tools: [tool('get')], response_format: { type: 'json_object' } }],
  ])('that cannot be enforced is an error: %s', async (_, fields) => {
    const { app } = testServer();
    const answer = await app.inject({
      method: 'POST',
      url: CHAT,
      payload: { messages: MESSAGES, ...fields },
    });
    expect(answer.statusCode).toBe(400);
    expect(answer.json().error.param).toMatch(/^tools/);
  });
});
