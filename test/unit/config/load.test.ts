import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeAssignments, loadConfig, readCommandLine } from '../../../src/config/index.ts';

type Sources = { file?: string; env?: Record<string, string>; argv?: string[] };

const load = ({ file, env = {}, argv = [] }: Sources) => {
  const flags = file === undefined ? argv : ['--config', temporaryFile(file), ...argv];
  return loadConfig({ environment: env, commandLine: readCommandLine(flags) });
};

const temporaryFile = (text: string): string => {
  const path = join(mkdtempSync(join(tmpdir(), 'etap-config-')), 'etap.yaml');
  writeFileSync(path, text);
  return path;
};

describe('precedence', () => {
  const file = 'server:\n  port: 1\n';
  const env = { ETAP_SERVER_PORT: '2' };
  const argv = ['--server.port', '3'];

  it.each([
    ['default', {}, 8000],
    ['file over default', { file }, 1],
    ['environment over file', { file, env }, 2],
    ['flag over environment', { file, env, argv }, 3],
  ])('%s', (_name, sources: Sources, port) => {
    expect(load(sources).config.server.port).toBe(port);
  });

  it('takes the file named by ETAP_CONFIG, but --config wins', () => {
    const named = { ETAP_CONFIG: temporaryFile('server: {port: 4}') };
    expect(load({ env: named }).config.server.port).toBe(4);
    expect(load({ env: named, file }).config.server.port).toBe(1);
  });

  it('counts an empty variable as unset', () => {
    expect(load({ file, env: { ETAP_SERVER_PORT: '' } }).config.server.port).toBe(1);
  });

  it('reports each given setting with its strongest source and hides keys', () => {
    const { assignments } = load({
      file: 'server:\n  port: 1\nengine:\n  threads: 2\n',
      env: { ETAP_ENGINE_KV_MEMORY_BYTES: '2GiB' },
      argv: ['--port', '9', '--api-key', 'one,two', '--api-key', 'three'],
    });
    expect(describeAssignments(assignments)).toEqual([
      'server.port = 9 (flag --port)',
      'server.apiKeys = (hidden) (flag --api-key)',
      expect.stringMatching(/^engine\.threads = 2 \(.*etap\.yaml:4\)$/),
      'engine.kvMemoryBytes = 2GiB (environment ETAP_ENGINE_KV_MEMORY_BYTES)',
    ]);
  });

  it('freezes the result deeply', () => {
    const { config } = load({});
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.server.apiKeys)).toBe(true);
    expect(() => Object.assign(config.engine, { threads: 1 })).toThrow(TypeError);
  });
});

describe('forms of a value', () => {
  it.each([
    ['2GiB', 2 ** 31],
    ['512 MiB', 2 ** 29],
    ['1.5G', 1.5 * 2 ** 30],
    ['1048576', 2 ** 20],
    ['auto', null],
  ])('size %s', (text, size) => {
    expect(load({ argv: ['--kv-memory', text] }).config.engine.kvMemoryBytes).toBe(size);
    const file = `engine: {kvMemoryBytes: ${text}}`;
    expect(load({ file }).config.engine.kvMemoryBytes).toBe(size);
  });

  it.each([
    [['--engine.strict'], true],
    [['--no-engine.strict'], false],
    [['--engine.strict=false'], false],
    [['--engine.strict=auto'], null],
  ])('switch %s', (argv, value) => {
    expect(load({ argv }).config.engine.strict).toBe(value);
  });

  it('lists: commas in the environment, a sequence in the file', () => {
    const env = { ETAP_SERVER_CORS_ORIGINS: 'http://a, http://b' };
    expect(load({ env }).config.server.corsOrigins).toEqual(['http://a', 'http://b']);
    const file = 'server:\n  corsOrigins: [http://a]\n';
    expect(load({ file }).config.server.corsOrigins).toEqual(['http://a']);
  });

  it('an empty file and an empty section leave the defaults', () => {
    expect(load({ file: '' }).config).toEqual(load({}).config);
    expect(load({ file: 'server:\nlog:\n  level: debug' }).config.log.level).toBe('debug');
  });
});

describe('errors name setting, source, found and allowed', () => {
  const cases: [string, Sources, RegExp][] = [
    [
      'a value out of range',
      { argv: ['--port', '70000'] },
      /^server\.port \(flag --port\): found 70000, allowed is an integer from 0 to 65535$/,
    ],
    [
      'a text where a number belongs',
      { env: { ETAP_ENGINE_THREADS: 'many' } },
      /^engine\.threads \(environment ETAP_ENGINE_THREADS\): found "many", allowed is auto or an/,
    ],
    [
      'a wrong type in the file',
      { file: 'server:\n  port: "80"\n' },
      /^server\.port \(.*etap\.yaml:2\): found "80", allowed is an integer/,
    ],
    ['a missing value in the file', { file: 'server:\n  port:\n' }, /found null/],
    ['a fraction', { file: 'engine: {threads: 1.5}' }, /found 1.5, allowed is auto or an integer/],
    [
      'a bad choice',
      { argv: ['--backend', 'gpu'] },
      /found "gpu", allowed is one of auto, cpu, reference, cuda$/,
    ],
    [
      'a bad size',
      { argv: ['--kv-memory', '2 boxes'] },
      /found "2 boxes", allowed is auto or a size/,
    ],
    [
      'a bad switch',
      { env: { ETAP_LOG_CONTENT: 'yes' } },
      /found "yes", allowed is true or false$/,
    ],
    ['an empty text', { file: 'server: {host: ""}' }, /allowed is a text that is not empty$/],
    ['a text for a list', { file: 'server: {corsOrigins: a}' }, /allowed is a list of texts$/],
    ['a bad duration', { argv: ['--drain.delayMs', '5s'] }, /allowed is milliseconds from 0 to/],
    [
      'an unknown key',
      { file: 'engine:\n  thread: 2\n' },
      /yaml:2\): no such setting \(did you mean engine\.threads\?\); keys of engine: executor, /,
    ],
    [
      'an unknown section',
      { file: 'engin:\n  threads: 2\n' },
      /engin\.threads .*no such setting.*sections: server, /,
    ],
    ['a section that is no map', { file: 'engine: 3\n' }, /^engine \(.*yaml:1\): no such setting/],
    ['no sections', { file: '- a\n' }, /found no sections at the top level$/],
    ['broken YAML', { file: 'server:\n  port: [1\n' }, /etap\.yaml:\d+: /],
    ['a key given twice', { file: 'server:\n  port: 1\n  port: 2\n' }, /etap\.yaml:3: .*unique/],
    ['an unknown variable', { env: { ETAP_SERVER_PROT: '1' } }, /did you mean ETAP_SERVER_PORT\?/],
    [
      'an unknown flag',
      { argv: ['--prot', '1'] },
      /^flag --prot: no such flag \(did you mean --port\?\)/,
    ],
    ['an unknown short flag', { argv: ['-x'] }, /^flag -x: no such flag/],
    ['a far-off flag', { argv: ['--quantum-entanglement'] }, /no such flag; see/],
    ['a flag without its value', { argv: ['--port'] }, /^flag --port: needs a value/],
    ['--config without a value', { argv: ['--config'] }, /^flag --config: needs a value/],
    ['a file that is not there', { argv: ['--config', '/nonexistent.yaml'] }, /ENOENT/],
    [
      'a rule between settings',
      { argv: ['--engine.heartbeatMs', '6000'] },
      /^engine\.heartbeatTimeoutMs: found 10000, allowed is at least twice .*\(12000\)$/,
    ],
  ];

  it.each(cases)('%s', (_name, sources, message) => {
    expect(() => load(sources)).toThrow(
      expect.objectContaining({ code: 'ETAP_ERR_CONFIG', message: expect.stringMatching(message) }),
    );
  });

  it.each([
    ['flag', { argv: ['--api-key', ''] }],
    ['flag of commas', { argv: ['--api-key', ' , '] }],
    ['variable of commas', { env: { ETAP_SERVER_API_KEYS: ',' } }],
  ])('an empty key is refused, because it would open the server: %s', (_name, sources: Sources) => {
    expect(() => load(sources)).toThrow(/server\.apiKeys .*found an empty text/);
  });

  it('never shows a secret', () => {
    const file = 'server: {apiKeys: [sk-123, 4]}';
    expect(() => load({ file })).toThrow(/found a value that is not shown/);
  });
});
