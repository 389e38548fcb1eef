/**
 * `npm start`, `npm test` and every other npm script on a fresh clone: installs and builds what is
 * missing or stale, then starts the server, runs every test or runs a tool. Plain JavaScript without dependencies, because nothing is
 * installed yet when it runs.
 */
import { spawn } from 'node:child_process';
import {
  buildCuda,
  buildNative,
  buildTools,
  buildTypeScript,
  buildWebPage,
  installDependencies,
} from './steps.mjs';
import { checkNvcc, checkToolchain } from './toolchain.mjs';

/** @param {string} command @param {string[]} args @returns {Promise<number>} exit code */
function runInForeground(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit' });
    // The child decides how to stop (the server drains); this process only waits for it.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.on(signal, () => child.kill(/** @type {NodeJS.Signals} */ (signal)));
    }
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
  });
}

/** @param {{ tests: boolean }} options */
async function prepare(options) {
  checkToolchain();
  await installDependencies();
  await buildTypeScript();
  await buildWebPage();
  await buildNative(options);
}

async function start(args) {
  await prepare({ tests: false });
  return runInForeground(process.execPath, ['dist/cli.js', 'serve', ...args]);
}

async function test(args) {
  await prepare({ tests: true });
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', ...args];
  const typescript = await runInForeground(process.execPath, vitest);
  if (args.length > 0) return typescript;
  const native = await runInForeground('ctest', [
    '--test-dir',
    'build/native',
    '--output-on-failure',
    '--parallel',
    '2',
  ]);
  return typescript === 0 ? native : typescript;
}

async function build() {
  await prepare({ tests: true });
  return 0;
}

/** Builds what the cuda backend needs, beside everything else. */
async function cuda() {
  checkNvcc();
  await prepare({ tests: false });
  await buildCuda();
  return 0;
}

/** Runs tools/NAME/main.ts, e.g. `tool simulate --seeds 100`. */
async function tool([name = '', ...args]) {
  await prepare({ tests: true });
  await buildTools();
  return runInForeground(process.execPath, [`build/js/tools/${name}/main.js`, ...args]);
}

const commands = { start, test, build, cuda, tool };
const [name = '', ...args] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
if (command === undefined) {
  console.error(`bootstrap: unknown command '${name}'; use one of ${Object.keys(commands)}`);
  process.exit(2);
}
try {
  process.exitCode = await command(args);
} catch (error) {
  console.error(`etap: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
