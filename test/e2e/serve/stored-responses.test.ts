/** Responses in a file, over restarts of the server: by a signal, and by a kill. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { ServedProcess } from '../../support/served-process.ts';

const running: ServedProcess[] = [];
const folders: string[] = [];

afterEach(async () => {
  for (const { cli } of running.splice(0)) {
    cli.signal('SIGKILL');
    await cli.ended;
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

async function start(file: string) {
  const server = await ServedProcess.start('--responses.store', file, '--drain.delayMs', '0');
  running.push(server);
  const baseURL = `${server.url}/v1`;
  return { server, client: new OpenAI({ baseURL, apiKey: 'any', maxRetries: 0 }) };
}

/** A commit takes milliseconds; this is ample. */
const COMMIT_MS = 1000;

describe('stored responses', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'outlive a server that gets %s',
    { timeout: 180_000 },
    async (signal) => {
      const folder = mkdtempSync(join(tmpdir(), 'etap-responses-'));
      folders.push(folder);
      const file = join(folder, 'responses.db');
      const first = await start(file);
      const fields = { model: 'demo', max_output_tokens: 8 };
      const made = await first.client.responses.create({ ...fields, input: 'Once' });
      const gone = await first.client.responses.create({ ...fields, input: 'Twice' });
      await first.client.responses.delete(gone.id);
      if (signal === 'SIGKILL') await pause(COMMIT_MS);
      first.server.cli.signal(signal);
      await first.server.cli.ended;

      const { client } = await start(file);
      const found = await client.responses.retrieve(made.id);
      expect(found.output).toEqual(made.output);
      await expect(client.responses.retrieve(gone.id)).rejects.toMatchObject({ status: 404 });
      const next = await client.responses.create({
        ...fields,
        input: 'And then?',
        previous_response_id: made.id,
      });
      expect(next.usage?.input_tokens).toBeGreaterThan(made.usage?.input_tokens ?? 0);
    },
  );
});
