#!/usr/bin/env node
/** The command `etap`: its first argument chooses what to do. The parent's only process.exit. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Assignment,
  didYouMean,
  loadConfig,
  readCommandLine,
  renderFlagHelp,
  settingAt,
} from './config/index.ts';
import { EtapError } from './errors.ts';
import { KEY_NAME, newKey } from './keys/index.ts';
import { PACKAGE_ROOT } from './package-root.ts';
import { EXIT, serve } from './serve.ts';

const HELP = `etap: an OpenAI-compatible server for MLA models (DeepSeek-V2, V3, R1 and kin)

  etap serve [MODEL_DIR] [flags]  serve the checkpoint in MODEL_DIR, or the bundled demo model
  etap serve --help               all flags
  etap key NAME                   make an API key and its entry for the key file
  etap --version

Exit codes: 0 stopped, 1 the engine failed, 2 it cannot start as configured, 128 + n stopped at
once by a second signal n. Settings also come from --config FILE and ETAP_* variables: docs/config.md.`;

const SERVE_HELP = `etap serve [MODEL_DIR] [flags]

  -c, --config FILE                  YAML file with settings
  -h, --help
  -v, --version`;

const COMMANDS = ['serve', 'key', 'help', 'version'];

async function main(argv: readonly string[]): Promise<number> {
  const [command = '--help', ...args] = argv;
  switch (command) {
    case 'serve':
      return runServe(args);
    case 'key':
      return runKey(args);
    case '--help':
    case '-h':
    case 'help':
      return print(HELP);
    case '--version':
    case '-v':
    case 'version':
      return print(readVersion());
    default:
      throw new EtapError(
        'ETAP_ERR_CONFIG',
        `found command ${command}, allowed are ${COMMANDS.join(', ')}${didYouMean(command, COMMANDS)}`,
      );
  }
}

async function runServe(args: readonly string[]): Promise<number> {
  const commandLine = readCommandLine(args);
  if (commandLine.help) return print(`${SERVE_HELP}\n${renderFlagHelp()}`);
  if (commandLine.version) return print(readVersion());
  const defaults = bundledModel();
  return serve(loadConfig({ defaults, environment: process.env, commandLine }), readVersion());
}

function runKey([name = '', ...rest]: readonly string[]): number {
  if (!KEY_NAME.test(name) || rest.length > 0) {
    throw new EtapError(
      'ETAP_ERR_CONFIG',
      'etap key: give one name of letters, digits, `.`, `_` and `-`, as in `etap key alice`',
    );
  }
  const { key, entry } = newKey(name);
  process.stderr.write('The key, which is shown only now; then its entry under `keys:`.\n');
  return print(`${key}\n\n${entry}`);
}

/** Served when nothing names a model, so that `etap serve` alone does something useful. */
function bundledModel(): readonly Assignment[] {
  const setting = settingAt('model.dir');
  const value = join(PACKAGE_ROOT, 'models', 'demo');
  return setting === undefined ? [] : [{ setting, value, source: 'the bundled demo model' }];
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return EXIT.stopped;
}

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8'));
  return (manifest as { version: string }).version;
}

/** One line for errors that are expected, the stack for those that are not. */
function describe(error: unknown): string {
  if (error instanceof EtapError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`etap: ${describe(error)}\n`);
  const cannotStart = error instanceof EtapError && error.status === 0;
  process.exit(cannotStart ? EXIT.cannotStart : EXIT.failed);
}
