/** How the built server starts, and how it says that it cannot. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CliProcess, ServedProcess, until } from '../../support/served-process.ts';

const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), 'etap-start-'));

async function run(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const cli = new CliProcess(args, environment);
  const { code } = await cli.ended;
  return { code, stdout: cli.stdout, stderr: cli.stderr };
}

const SIMULATED = ['--executor', 'simulated', '--port', '0'];

describe('a start', () => {
  it('prints settings with their source, the engine, the URL and a request that works', async () => {
    const server = await ServedProcess.start('--max-sequences', '4', '--api-key', 'secret-1');
    const { cli } = server;
    expect(cli.stderr).toContain('engine.maxSequences = 4 (flag --max-sequences)');
    expect(cli.stderr).toContain('server.apiKeys = (hidden)');
    expect(cli.stderr).not.toContain('secret-1');
    expect(cli.stderr).toMatch(/^engine +simulated/m);
    expect(cli.stderr).toMatch(/^KV cache +4,095 blocks of 64: 262,080 tokens/m);
    expect(cli.stderr).toMatch(/^limits .* 4 sequences at a time$/m);
    const { model, messages } = JSON.parse(/-d '(.*)'$/m.exec(cli.stderr)?.[1] ?? '{}');
    const answer = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer secret-1' },
      body: JSON.stringify({ model, messages, max_tokens: 2 }),
    });
    expect(answer.status).toBe(200);
    cli.signal('SIGINT');
    await cli.ended;
  });
});

describe('a start without a model', () => {
  const simulated = ['serve', '--executor', 'simulated', '--port', '0'];

  async function servedModel(environment: Readonly<Record<string, string>>): Promise<string> {
    const cli = new CliProcess(simulated, environment);
    const settings = await until(() => /^ {2}model\.dir = .*$/m.exec(cli.stderr)?.[0]);
    cli.signal('SIGKILL');
    await cli.ended;
    return settings;
  }

  it('serves the bundled demo model', async () => {
    expect(await servedModel({})).toMatch(/models\/demo \(the bundled demo model\)$/);
  });

  it('serves the one that the environment names', async () => {
    const named = await servedModel({ ETAP_MODEL_DIR: 'models/demo' });
    expect(named).toContain('ETAP_MODEL_DIR');
  });
});

describe('help and version', () => {
  it.each([[['--help']], [['help']], [[]]])('etap %s', async (args) => {
    const { code, stdout } = await run(args);
    expect(code).toBe(0);
    expect(stdout).toContain('etap serve [MODEL_DIR]');
  });

  it('etap serve --help lists every setting', async () => {
    expect((await run(['serve', '--help'])).stdout).toContain('--engine.stepDeadlineMs');
  });

  it.each([[['--version']], [['serve', '--version']]])('etap %s', async (args) => {
    expect((await run(args)).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('a start that cannot be exits with 2 and one line', () => {
  const broken = temporaryFolder();
  writeFileSync(join(broken, 'config.json'), '{');
  const keyFile = join(broken, 'keys');
  writeFileSync(keyFile, '# none\n');
  const file = join(broken, 'etap.yaml');
  writeFileSync(file, 'engine:\n  thread: 2\n');

  it.each<[string, readonly string[], RegExp]>([
    ['an unknown command', ['sevre'], /ETAP_ERR_CONFIG: found command sevre.*did you mean serve/],
    ['two models', ['serve', 'a', 'b'], /ETAP_ERR_CONFIG: found arguments a b/],
    ['an unknown flag', ['serve', 'models/demo', '--prot', '1'], /did you mean --port\?/],
    ['a bad value', ['serve', 'models/demo', '--port', 'x'], /server\.port \(flag --port\)/],
    ['a bad file', ['serve', 'models/demo', '--config', file], /etap\.yaml:2.*engine\.threads\?/],
    ['no checkpoint', ['serve', '/nonexistent'], /ETAP_ERR_CHECKPOINT: \/nonexistent: found no/],
    ['a broken checkpoint', ['serve', broken, ...SIMULATED], /ETAP_ERR_/],
    [
      'an address without keys',
      ['serve', 'models/demo', '--host', '0.0.0.0'],
      /server\.host: found 0\.0\.0\.0, .* --allow-unauthenticated/,
    ],
    [
      'a key file without keys',
      ['serve', 'models/demo', '--api-key-file', keyFile],
      /server\.apiKeyFile: found no key/,
    ],
    [
      'a step too small for its sequences',
      [
        'serve',
        'models/demo',
        ...SIMULATED,
        '--max-sequences',
        '64',
        '--engine.stepTokenCapacity',
        '64',
      ],
      /ETAP_ERR_CONFIG: .*stepTokenCapacity/,
    ],
    [
      'the same on the native engine, before a weight is read',
      ['serve', 'models/demo', '--max-sequences', '64', '--engine.stepTokenCapacity', '64'],
      /ETAP_ERR_CONFIG: engine\.stepTokenCapacity is 64, .* raise it to 128/,
    ],
    ['more ranks than heads', ['serve', 'models/demo', '--tp', '3'], /ETAP_ERR_CONFIG: .*heads/],
  ])('%s', async (_name, args, message) => {
    const { code, stderr } = await run(args);
    expect(code).toBe(2);
    const errors = stderr.split('\n').filter((line) => line.startsWith('etap: '));
    expect(errors).toEqual([expect.stringMatching(message)]);
    expect(stderr).not.toContain('loading weights');
  });

  it('an unknown variable', async () => {
    const { code, stderr } = await run(['serve', 'models/demo'], { ETAP_SERVER_PROT: '1' });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^etap: ETAP_ERR_CONFIG: .*did you mean ETAP_SERVER_PORT\?/);
  });

  it('a port that is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const flags = ['--executor', 'simulated', '--port', String(port)];
    const { code, stderr } = await run(['serve', 'models/demo', ...flags]);
    other.close();
    expect(code).toBe(2);
    expect(stderr).toContain('choose another');
  });
});
