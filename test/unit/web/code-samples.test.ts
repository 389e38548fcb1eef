/** What is copied runs: curl's JSON through a shell, Python's and TypeScript's through a parser. */
import { execFileSync } from 'node:child_process';
import { transformWithOxc } from 'vite';
import { describe, expect, it } from 'vitest';
import { asCode, CODE_LANGUAGES } from '../../../src/web/chat/code-samples.ts';

const ORIGIN = 'http://127.0.0.1:8000';
const NASTY = `It's "5" \\ $HOME \`id\` '''x''' \n\t é 😀 \u2028 </script>`;
const BODY = {
  model: 'demo',
  messages: [{ role: 'user', content: NASTY }],
  temperature: 0.6,
  logprobs: true,
  stop: [],
  seed: null,
  chat_template_kwargs: { thinking: true },
};

describe('asCode', () => {
  it('makes a shell command that sends exactly the body', () => {
    const code = asCode('curl', BODY, ORIGIN);
    // A function of that name prints what curl would be given after -d.
    const shell = `curl() { while [ "$1" != -d ]; do shift; done; printf %s "$2"; }\n${code}`;
    const sent = execFileSync('sh', ['-c', shell]).toString();
    expect(JSON.parse(sent)).toEqual({ ...BODY, stream: true });
    expect(code).toContain(`${ORIGIN}/v1/chat/completions`);
  });

  it('makes a Python call with the extension apart', () => {
    const code = asCode('Python', BODY, ORIGIN);
    expect(code).toContain('logprobs=True,');
    expect(code).toContain('seed=None,');
    expect(code).toContain('stop=[],');
    expect(code).toMatch(/extra_body=\{\n {8}"chat_template_kwargs": \{/);
    expect(code).toContain(`"content": ${JSON.stringify(NASTY)}`);
  });

  it('makes a TypeScript program', async () => {
    const code = asCode('TypeScript', BODY, ORIGIN);
    const { code: compiled } = await transformWithOxc(code, 'sample.ts');
    expect(compiled).toContain('chat_template_kwargs');
    expect(code).toContain(`baseURL: '${ORIGIN}/v1'`);
  });

  it.each(CODE_LANGUAGES)('never writes a key into %s', (language) => {
    expect(asCode(language, BODY, ORIGIN)).toContain('ETAP_API_KEY');
  });
});
