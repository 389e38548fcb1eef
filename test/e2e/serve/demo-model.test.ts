/** The built server with the native engine and the demo model. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServedProcess } from '../../support/served-process.ts';

const PROMPTS = ['What is 12 + 30?', 'Hello!', 'Repeat: sun moon star', 'Who are you?'];

let server: ServedProcess;

beforeAll(async () => {
  server = await ServedProcess.start('--executor', 'native', '--engine.restartBackoffMs', '1000');
});

afterAll(async () => {
  server.cli.signal('SIGKILL');
  await server.cli.ended;
});

async function ask(content: string): Promise<string> {
  const response = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'demo',
      temperature: 0,
      max_tokens: 48,
      messages: [{ role: 'user', content }],
    }),
  });
  const answer = (await response.json()) as {
    choices: readonly { message: { content: string }; finish_reason: string }[];
  };
  expect(response.status).toBe(200);
  return answer.choices[0]?.message.content ?? '';
}

describe('the demo model', () => {
  it('says what it runs on', async () => {
    const version = await (await fetch(`${server.url}/version`)).json();
    expect(version).toMatchObject({ backend: 'cpu', tensor_parallel_size: 1 });
    expect(server.cli.stderr).toMatch(/^loading +/m);
  });

  it('answers the same alone, together, and after its engine process was killed', async () => {
    const alone: string[] = [];
    for (const prompt of PROMPTS) alone.push(await ask(prompt));
    expect(alone.every((text) => text.length > 0)).toBe(true);
    expect(await Promise.all(PROMPTS.map(ask))).toEqual(alone);
    process.kill(server.enginePid, 'SIGKILL');
    await server.untilStatus('/health', 503);
    await server.untilStatus('/health', 200);
    expect(await Promise.all(PROMPTS.map(ask))).toEqual(alone);
  });
});
