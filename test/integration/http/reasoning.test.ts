/** Thinking on the wire: told apart from the answer, under both names, counted, and never lost. */
import { describe, expect, it } from 'vitest';
import { askChat, joinChunks, streamChat, wholeMessage } from '../../support/chat-chunks.ts';
import { EOS_ID } from '../../support/fake-text-model.ts';
import { saying, testServer } from '../../support/http-server.ts';

const THOUGHT = saying('because</think>\n\nyes', EOS_ID);
/** Bytes are tokens: those of the thought and of its end. */
const THOUGHT_TOKENS = 'because</think>'.length;
const thinking = { thinking: true };

describe('an answer of a model that thinks', () => {
  it('has the thought under both names, and the answer without it', async () => {
    const server = testServer({ script: THOUGHT });
    const { choices, usage } = await askChat(server, thinking);
    expect(choices[0]?.message).toEqual({
      role: 'assistant',
      content: 'yes',
      refusal: null,
      reasoning_content: 'because',
      reasoning: 'because',
    });
    expect(usage.completion_tokens_details.reasoning_tokens).toBe(THOUGHT_TOKENS);
  });

  it('streams the thought, then the answer, with the same usage', async () => {
    const server = testServer({ script: THOUGHT });
    const fields = { ...thinking, n: 2, stream_options: { include_usage: true } };
    const chunks = await streamChat(server, fields);
    const whole = await askChat(server, { ...thinking, n: 2 });
    for (const index of [0, 1]) {
      expect(joinChunks(chunks, index)).toEqual(wholeMessage(whole, index));
    }
    expect(chunks.at(-1)?.usage).toEqual(whole.usage);
    expect(whole.usage.completion_tokens_details.reasoning_tokens).toBe(2 * THOUGHT_TOKENS);
  });

  it('counts the thought while it streams', async () => {
    const server = testServer({ script: THOUGHT });
    const options = { include_usage: true, continuous_usage_stats: true };
    const chunks = await streamChat(server, { ...thinking, stream_options: options });
    const counts = chunks.map(({ usage }) => usage?.completion_tokens_details.reasoning_tokens);
    expect(counts).toEqual([...counts].sort((a = 0, b = 0) => a - b));
    expect(counts.at(-1)).toBe(THOUGHT_TOKENS);
  });

  it('has no content chunk until the thought ends', async () => {
    const server = testServer({ script: THOUGHT });
    const [, ...chunks] = await streamChat(server, thinking);
    const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta));
    const firstContent = deltas.findIndex(({ content }) => content !== undefined);
    expect(deltas.slice(0, firstContent).every((delta) => 'reasoning' in delta)).toBe(true);
    expect(deltas.slice(firstContent).some((delta) => 'reasoning' in delta)).toBe(false);
  });

  it('is all thought, and cut off for its length, where the end marker is missing', async () => {
    const server = testServer({ script: saying('never done') });
    const fields = { ...thinking, max_completion_tokens: 5 };
    const whole = await askChat(server, fields);
    expect(wholeMessage(whole)).toEqual({
      content: '',
      reasoning: 'never',
      calls: [],
      finishReason: 'length',
    });
    expect(whole.usage.completion_tokens_details.reasoning_tokens).toBe(5);
    expect(joinChunks(await streamChat(server, fields))).toEqual(wholeMessage(whole));
  });

  it('is all content where the prompt opens no thought and the text has no marker', async () => {
    const server = testServer({ script: saying('{"a":1}', EOS_ID) });
    expect(wholeMessage(await askChat(server))).toEqual({
      content: '{"a":1}',
      calls: [],
      finishReason: 'stop',
    });
  });

  it('has log-probabilities of the content alone', async () => {
    const server = testServer({ script: THOUGHT });
    const fields = { ...thinking, logprobs: true, top_logprobs: 1 };
    const bytes = [...Buffer.from('yes')].map((byte) => [byte]);
    const { choices } = await askChat(server, fields);
    expect(choices[0]?.logprobs?.content.map((entry) => entry.bytes)).toEqual(bytes);
    const streamed = (await streamChat(server, fields)).flatMap((chunk) => chunk.choices);
    const entries = streamed.flatMap(({ logprobs }) => logprobs?.content ?? []);
    expect(entries.map((entry) => entry.bytes)).toEqual(bytes);
  });
});

describe('earlier thinking', () => {
  it.each(['reasoning_content', 'reasoning'])('reaches the template from %s', async (name) => {
    const server = testServer({ script: saying('x', EOS_ID) });
    const history = [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: null, [name]: 'because' },
      { role: 'user', content: 'b' },
    ];
    await askChat(server, { messages: history });
    expect(server.text.renderedMessages[1]).toEqual({
      role: 'assistant',
      content: '',
      reasoning_content: 'because',
    });
  });
});

describe('fields about thinking', () => {
  it('leave it out of the answer, and count it all the same', async () => {
    const server = testServer({ script: THOUGHT });
    for (const hiding of [{ include_reasoning: false }, { reasoning: { exclude: true } }]) {
      const whole = await askChat(server, { ...thinking, ...hiding });
      expect(wholeMessage(whole)).toEqual({ content: 'yes', calls: [], finishReason: 'stop' });
      expect(whole.usage.completion_tokens_details.reasoning_tokens).toBe(THOUGHT_TOKENS);
      const chunks = await streamChat(server, { ...thinking, ...hiding });
      expect(joinChunks(chunks)).toEqual(wholeMessage(whole));
    }
  });

  it('leave it in the content', async () => {
    const server = testServer({ script: THOUGHT });
    const whole = await askChat(server, { ...thinking, separate_reasoning: false });
    expect(whole.choices[0]?.message.content).toBe('because</think>\n\nyes');
  });

  it('stream it in one piece', async () => {
    const server = testServer({ script: THOUGHT });
    const chunks = await streamChat(server, { ...thinking, stream_reasoning: false });
    const thoughts = chunks.flatMap(({ choices }) =>
      choices.flatMap(({ delta }) => delta.reasoning ?? []),
    );
    expect(thoughts).toEqual(['because']);
  });

  it.each([
    [{}, null],
    [{ reasoning_effort: 'none' }, false],
    [{ reasoning_effort: 'minimal' }, false],
    [{ reasoning_effort: 'low' }, true],
    [{ reasoning: { effort: 'high' } }, true],
    [{ reasoning: { enabled: false } }, false],
    [{ reasoning: {} }, null],
    [{ thinking: { type: 'enabled' } }, true],
    [{ thinking: { type: 'disabled' } }, false],
    [{ thinking: false, reasoning_effort: 'high' }, false],
    [{ chat_template_kwargs: { thinking: true }, thinking: false }, true],
    [{ chat_template_kwargs: { enable_thinking: false }, reasoning_effort: 'high' }, false],
  ])('%j switch it to %s', async (fields, expected) => {
    const server = testServer({ script: saying('x', EOS_ID) });
    await askChat(server, fields);
    expect(server.text.rendered?.thinking).toBe(expected);
  });

  it('give the effort to the template', async () => {
    const server = testServer({ script: saying('x', EOS_ID) });
    await askChat(server, { reasoning: { effort: 'high' } });
    expect(server.text.rendered?.kwargs).toEqual({ reasoning_effort: 'high' });
  });
});
