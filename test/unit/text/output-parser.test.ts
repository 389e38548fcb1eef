import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OutputParser } from '../../../src/text/index.ts';
import { startsInsideThinking } from '../../../src/text/output-markers.ts';
import { cutText } from '../../support/cut-text.ts';

/** What a client sees in the end, however it was streamed. */
function parse(pieces: readonly string[], insideThinking = false) {
  const parser = new OutputParser({ insideThinking });
  const message = {
    reasoning: '',
    content: '',
    calls: [] as { name: string; arguments: string }[],
  };
  for (const event of [...pieces.flatMap((piece) => parser.push(piece)), ...parser.finish()]) {
    if (event.kind === 'toolCall') {
      expect(event.index).toBe(message.calls.length);
      message.calls.push({ name: event.name, arguments: '' });
    } else if (event.kind === 'toolArguments') {
      const call = message.calls[event.index];
      if (call === undefined) throw new Error('arguments before their call');
      call.arguments += event.text;
    } else if (event.kind !== 'toolCallEnd') {
      message[event.kind] += event.text;
    }
  }
  return message;
}

const v3Call = (name: string, args: string) =>
  `<｜tool▁call▁begin｜>function<｜tool▁sep｜>${name}\n\`\`\`json\n${args}\n\`\`\`<｜tool▁call▁end｜>`;
const v31Call = (name: string, args: string) =>
  `<｜tool▁call▁begin｜>${name}<｜tool▁sep｜>${args}<｜tool▁call▁end｜>`;
const calls = (...texts: string[]) =>
  `<｜tool▁calls▁begin｜>${texts.join('\n')}<｜tool▁calls▁end｜>`;

describe('thinking', () => {
  it('begins inside when the prompt says so, and ends at the marker', () => {
    expect(parse(['because', '</think>\n\nyes'], true)).toMatchObject({
      reasoning: 'because',
      content: 'yes',
    });
  });

  it('begins at an opening marker', () => {
    expect(parse(['\n<think>\nwhy</think>so'])).toMatchObject({ reasoning: 'why', content: 'so' });
  });

  it('loses nothing when the end marker is missing', () => {
    expect(parse(['half a thou', 'ght </thi'], true)).toMatchObject({
      reasoning: 'half a thought </thi',
      content: '',
    });
  });

  it('is all content when there are no markers', () => {
    expect(parse(['{"a":', '1}'])).toMatchObject({ reasoning: '', content: '{"a":1}' });
  });

  it('leaves a marker inside content as text', () => {
    expect(parse(['the tag <think> is']).content).toBe('the tag <think> is');
  });

  it('reads its start off the last turn of the prompt', () => {
    expect(startsInsideThinking('<｜User｜>a<｜Assistant｜><think>\n')).toBe(true);
    expect(startsInsideThinking('<｜User｜>a<｜Assistant｜></think>')).toBe(false);
    expect(startsInsideThinking('<｜User｜><think><｜Assistant｜>')).toBe(false);
    expect(startsInsideThinking('no turns')).toBe(false);
  });
});

describe('tool calls', () => {
  it('reads the V3 and R1 form', () => {
    const text = `Let me look.${calls(v3Call('get', '{"a": "`x`"}'), v3Call('put', '{}'))}`;
    expect(parse([text])).toEqual({
      reasoning: '',
      content: 'Let me look.',
      calls: [
        { name: 'get', arguments: '{"a": "`x`"}' },
        { name: 'put', arguments: '{}' },
      ],
    });
  });

  it('reads the V3.1 form, also for a function called "function"', () => {
    const text = calls(v31Call('get', '{"a":1}'), v31Call('function', '{"b":2}'));
    expect(parse([text]).calls).toEqual([
      { name: 'get', arguments: '{"a":1}' },
      { name: 'function', arguments: '{"b":2}' },
    ]);
  });

  it('parses a call inside thinking', () => {
    const parsed = parse([`thinking${calls(v31Call('get', '{}'))}`], true);
    expect(parsed).toEqual({
      reasoning: 'thinking',
      content: '',
      calls: [{ name: 'get', arguments: '{}' }],
    });
  });

  it('shows no markup when the begin or the end marker is missing', () => {
    expect(parse([v31Call('get', '{"a":1}')]).calls).toEqual([
      { name: 'get', arguments: '{"a":1}' },
    ]);
    expect(parse(['<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get<｜tool▁sep｜>{"a":'])).toEqual({
      reasoning: '',
      content: '',
      calls: [{ name: 'get', arguments: '{"a":' }],
    });
  });

  it('goes on with content after the calls', () => {
    expect(parse([`${calls(v31Call('get', '{}'))}done`]).content).toBe('done');
  });

  it('accepts arguments that do not end in a brace, and an unfenced V3 call', () => {
    expect(parse([calls(v3Call('get', '[1, "x"]'))]).calls).toEqual([
      { name: 'get', arguments: '[1, "x"]' },
    ]);
    const unfenced = '<｜tool▁call▁begin｜>function<｜tool▁sep｜>get\n{"a":1}<｜tool▁call▁end｜>';
    expect(parse([unfenced]).calls).toEqual([{ name: 'get', arguments: '{"a":1}' }]);
  });
});

describe('any cut', () => {
  const word = fc.constantFrom('a', ' ', '\n', '`', '{"k": "v"}', '<', '｜', 'think>', '✓');
  const prose = fc.array(word, { maxLength: 6 }).map((words) => words.join(''));
  const args = fc.json({ maxDepth: 2 });
  const call = fc
    .tuple(fc.constantFrom(v3Call, v31Call), fc.stringMatching(/^[a-z_]{1,8}$/), args)
    .map(([form, name, json]) => form(name, json));
  const part = fc.oneof(
    prose,
    prose.map((text) => `<think>${text}</think>`),
    fc.array(call, { minLength: 1, maxLength: 3 }).map((list) => calls(...list)),
    fc.constantFrom(
      '<think>',
      '</think>',
      '<｜tool▁call▁begin｜>',
      '<｜tool▁sep｜>',
      '<｜tool▁call▁end｜>',
    ),
  );
  const output = fc.array(part, { maxLength: 5 }).map((parts) => parts.join(''));

  it('gives the same message, and never a marker in the arguments or the reasoning', () => {
    fc.assert(
      fc.property(
        output,
        fc.array(fc.nat(), { maxLength: 30 }),
        fc.boolean(),
        (text, cuts, inside) => {
          const whole = parse([text], inside);
          expect(parse(cutText(text, cuts), inside)).toEqual(whole);
          expect(parse([...text], inside)).toEqual(whole);
          expect(whole.content).not.toContain('<｜tool');
          expect(whole.reasoning).not.toContain('<｜tool');
          for (const { name } of whole.calls) expect(name).not.toContain('｜tool');
        },
      ),
      { numRuns: 5000 },
    );
  });

  it('gives complete calls back exactly', () => {
    const named = fc.tuple(
      fc.constantFrom(v3Call, v31Call),
      fc.stringMatching(/^[a-z_]{1,8}$/),
      args,
    );
    fc.assert(
      fc.property(
        fc.array(named, { minLength: 1, maxLength: 3 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        (list, cuts) => {
          const text = calls(...list.map(([form, name, json]) => form(name, json)));
          const expected = list.map(([, name, json]) => ({ name, arguments: json }));
          expect(parse(cutText(text, cuts)).calls).toEqual(expected);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
