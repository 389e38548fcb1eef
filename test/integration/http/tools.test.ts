/** Tool calls on the wire: whole and streamed, however the model's text was cut. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { askChat, joinChunks, streamChat, wholeMessage } from '../../support/chat-chunks.ts';
import { EOS_ID } from '../../support/fake-text-model.ts';
import { saying, testServer } from '../../support/http-server.ts';
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

const tool = (name: string) => ({
  type: 'function',
  function: { name, description: 'd', parameters: { type: 'object', properties: {} } },
});
const tools = [tool('get'), tool('put')];

describe('a call', () => {
  it.each([
    ['V3 and R1', fencedCall('get', '{"a": 1}')],
    ['V3.1', plainCall('get', '{"a": 1}')],
  ])('of %s is a tool call with an id, and nothing else', async (_, call) => {
    const server = testServer({ script: saying(toolCalls(call), EOS_ID) });
    const { choices } = await askChat(server, { tools });
    expect(choices[0]).toMatchObject({
      message: {
        role: 'assistant',
        content: null,
        tool_calls: [
          {
            id: expect.stringMatching(/^call_[0-9a-f]{32}$/),
            type: 'function',
            function: { name: 'get', arguments: '{"a": 1}' },
          },
        ],
      },
      finish_reason: 'tool_calls',
    });
  });

  it('streams its name at once, then its arguments', async () => {
    const text = `Let me see.${toolCalls(fencedCall('get', '{"a": 1}'), fencedCall('put', '[]'))}`;
    const server = testServer({ script: saying(text, EOS_ID) });
    const chunks = await streamChat(server, { tools });
    const deltas = chunks.flatMap(({ choices }) =>
      choices.flatMap(({ delta }) => delta.tool_calls ?? []),
    );
    const firsts = deltas.filter(({ id }) => id !== undefined);
    expect(firsts.map(({ index, function: called }) => [index, called.name])).toEqual([
      [0, 'get'],
      [1, 'put'],
    ]);
    expect(new Set(firsts.map(({ id }) => id)).size).toBe(2);
    expect(deltas.length).toBeGreaterThan(5);
    expect(joinChunks(chunks)).toEqual({
      content: 'Let me see.',
      calls: [
        { name: 'get', arguments: '{"a": 1}' },
        { name: 'put', arguments: '[]' },
      ],
      finishReason: 'tool_calls',
    });
  });

  it('that begins and ends in one token is streamed like any other', async () => {
    const server = testServer();
    const whole = toolCalls(fencedCall('get', '"x"'));
    server.engine.script = () => [...server.text.tokens(whole), EOS_ID];
    expect(joinChunks(await streamChat(server, { tools })).calls).toEqual([
      { name: 'get', arguments: '"x"' },
    ]);
  });

  it('inside thinking is a call too', async () => {
    const server = testServer({ script: saying(`hm${toolCalls(plainCall('get', '{}'))}`, EOS_ID) });
    expect(wholeMessage(await askChat(server, { tools, thinking: true }))).toEqual({
      content: null,
      reasoning: 'hm',
      calls: [{ name: 'get', arguments: '{}' }],
      finishReason: 'tool_calls',
    });
  });

  it('that is cut off is told as length, streamed or not', async () => {
    const text = `${CALLS_BEGIN}${CALL_BEGIN}get${CALL_SEPARATOR}{"a": `;
    const server = testServer({ script: saying(text) });
    const whole = wholeMessage(await askChat(server, { tools }));
    expect(whole).toEqual({
      content: null,
      calls: [{ name: 'get', arguments: '{"a":' }],
      finishReason: 'length',
    });
    expect(joinChunks(await streamChat(server, { tools }))).toEqual(whole);
  });
});

describe('how tools may be used', () => {
  const text = toolCalls(plainCall('get', '{"a":1}'), plainCall('put', '{}'));

  it('ends the answer behind the first call where they are not parallel', async () => {
    const server = testServer({ script: saying(text, EOS_ID) });
    const fields = { tools, parallel_tool_calls: false };
    const whole = await askChat(server, fields);
    expect(wholeMessage(whole)).toEqual({
      content: null,
      calls: [{ name: 'get', arguments: '{"a":1}' }],
      finishReason: 'tool_calls',
    });
    const callBytes = Buffer.byteLength(CALLS_BEGIN + plainCall('get', '{"a":1}'));
    expect(whole.usage.completion_tokens).toBe(callBytes);
    expect(server.engine.abortedIds).toEqual([0]);
    expect(joinChunks(await streamChat(server, fields))).toEqual(wholeMessage(whole));
  });

  it('tells the model of them, or of none', async () => {
    const server = testServer({ script: saying('x', EOS_ID) });
    await askChat(server, { tools, tool_choice: 'auto' });
    expect(server.text.rendered?.tools).toEqual(tools);
    await askChat(server, { tools, tool_choice: 'none' });
    expect(server.text.rendered?.tools).toBeNull();
  });

  it.each([[{ tools, tool_choice: 'none' }], [{}]])(
    'shows what is written all the same without its markers: %j',
    async (fields) => {
      const server = testServer({ script: saying(`So: ${text}`, EOS_ID) });
      const whole = wholeMessage(await askChat(server, fields));
      expect(whole).toEqual({
        content: 'So: get{"a":1}\nput{}',
        calls: [],
        finishReason: 'stop',
      });
      expect(joinChunks(await streamChat(server, fields))).toEqual(whole);
    },
  );

  it('gives every choice its own calls', async () => {
    const server = testServer();
    server.engine.script = ({ sampling }) => [
      ...Buffer.from(toolCalls(plainCall('get', `{"seed":${sampling.seed}}`))),
      EOS_ID,
    ];
    const fields = { tools, n: 3, seed: 7 };
    const chunks = await streamChat(server, fields);
    const whole = await askChat(server, fields);
    for (const index of [0, 1, 2]) {
      const message = wholeMessage(whole, index);
      expect(message.calls).toEqual([{ name: 'get', arguments: `{"seed":${7 + index}}` }]);
      expect(joinChunks(chunks, index)).toEqual(message);
    }
    const ids = whole.choices.flatMap(({ message }) => message.tool_calls?.map(({ id }) => id));
    expect(new Set(ids).size).toBe(3);
  });
});

describe('any output, cut anywhere', () => {
  it('streams to the same message as the whole answer', async () => {
    const server = testServer();
    const fields = fc.record({
      thinking: fc.boolean(),
      tools: fc.constantFrom(tools, null),
      parallel_tool_calls: fc.boolean(),
      include_reasoning: fc.boolean(),
      stop: fc.constantFrom(null, 'a', '\n\n', '✓'),
      logprobs: fc.boolean(),
      return_token_ids: fc.boolean(),
    });
    const cuts = fc.array(fc.nat(1000), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(modelOutput, cuts, fields, async (text, at, asked) => {
        server.engine.script = () => [...cutIntoTokens(server.text, text, at), EOS_ID];
        const whole = await askChat(server, asked);
        const chunks = await streamChat(server, asked);
        const message = wholeMessage(whole);
        expect(joinChunks(chunks)).toEqual(message);
        const streamed = chunks.flatMap(({ choices }) =>
          choices.flatMap(({ logprobs }) => logprobs?.content ?? []),
        );
        expect(streamed).toEqual(whole.choices[0]?.logprobs?.content ?? []);
        expect(JSON.stringify(message)).not.toContain('｜tool▁');
      }),
      { numRuns: 300 },
    );
  });
});
