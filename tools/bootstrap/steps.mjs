/** The three build steps. Each does nothing when its inputs have not changed since it last succeeded. */
import { spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fingerprint, isFresh, markFresh } from './freshness.mjs';
import { hasNinja } from './toolchain.mjs';

const NATIVE_BUILD = 'build/native';
const OUTPUT_TAIL_LINES = 40;

/**
 * Runs a build command; shows its latest line of progress, and its last lines when it fails.
 * @param {string} label @param {string} command @param {string[]} args
 */
function runStep(label, command, args) {
  return new Promise((resolve, reject) => {
    const startedMs = Date.now();
    /** @type {string[]} */
    const tail = [];
    console.error(`etap: ${label} ...`);
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const onOutput = (/** @type {Buffer} */ chunk) => {
      const lines = chunk
        .toString()
        .split('\n')
        .filter((line) => line.trim() !== '');
      tail.push(...lines);
      tail.splice(0, tail.length - OUTPUT_TAIL_LINES);
      const last = lines.at(-1);
      if (process.stderr.isTTY && last !== undefined) {
        process.stderr.write(`\r\x1b[K  ${last.slice(0, (process.stderr.columns ?? 80) - 4)}`);
      }
    };
    child.stdout.on('data', onOutput);
    child.stderr.on('data', onOutput);
    child.on('error', reject);
    child.on('exit', (code) => {
      if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
      if (code === 0) {
        console.error(`etap: ${label} done in ${((Date.now() - startedMs) / 1000).toFixed(1)} s`);
        resolve(undefined);
      } else {
        reject(new Error(`${label} failed (${command} exit ${code}):\n${tail.join('\n')}`));
      }
    });
  });
}

/**
 * @param {{ stamp: string, output: string, inputs: string[], extra?: string }} step
 * @param {() => Promise<unknown>} work
 */
async function whenStale(step, work) {
  const digest = fingerprint(step.inputs, step.extra);
  if (existsSync(step.output) && isFresh(step.stamp, digest)) return;
  await work();
  markFresh(step.stamp, digest);
}

export async function installDependencies() {
  const step = {
    stamp: 'node_modules/.etap-installed',
    output: 'node_modules/.bin/tsc',
    inputs: ['package.json', 'package-lock.json'],
    extra: process.version,
  };
  // Not `npm ci`: it refuses a lockfile without the native packages of every other platform, which
  // some registries do not carry. With --no-save the lockfile is followed and stays as it is.
  await whenStale(step, () =>
    runStep('installing dependencies', 'npm', [
      'install',
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
    ]),
  );
}

export async function buildTypeScript() {
  const step = {
    stamp: 'build/stamps/typescript',
    output: 'dist/cli.js',
    inputs: ['src', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'],
  };
  await whenStale(step, () => {
    rmSync('dist', { recursive: true, force: true });
    return runStep('compiling TypeScript', 'node_modules/.bin/tsc', ['-p', 'tsconfig.build.json']);
  });
}

/** Builds the playground, which the server serves from dist/web. */
export async function buildWebPage() {
  const step = {
    stamp: 'build/stamps/web',
    output: 'dist/web/index.html',
    inputs: ['src/web', 'package-lock.json'],
  };
  await whenStale(step, () =>
    runStep('building the playground', 'node_modules/.bin/vite', [
      'build',
      '--config',
      'src/web/vite.config.ts',
    ]),
  );
}

/** Compiles the tools in tools/, and the sources they import, to build/js. */
export async function buildTools() {
  const step = {
    stamp: 'build/stamps/tools',
    output: 'build/js/src/cli.js',
    inputs: ['src', 'tools', 'tsconfig.json', 'tsconfig.tools.json', 'package-lock.json'],
  };
  await whenStale(step, () => {
    rmSync('build/js', { recursive: true, force: true });
    return runStep('compiling the tools', 'node_modules/.bin/tsc', ['-p', 'tsconfig.tools.json']);
  });
}

/** @param {{ tests: boolean }} options whether the native tests are built too */
export async function buildNative(options) {
  const step = {
    stamp: `build/stamps/native${options.tests ? '-tests' : ''}`,
    output: `${NATIVE_BUILD}/etap.node`,
    inputs: options.tests ? ['native', 'test/native'] : ['native'],
    extra: process.arch,
  };
  await whenStale(step, async () => {
    const configure = ['-S', 'native', '-B', NATIVE_BUILD, '-DCMAKE_BUILD_TYPE=Release'];
    const generator =
      !existsSync(`${NATIVE_BUILD}/CMakeCache.txt`) && hasNinja() ? ['-G', 'Ninja'] : [];
    const tests = `-DETAP_TESTS=${options.tests ? 'ON' : 'OFF'}`;
    await runStep('configuring the engine', 'cmake', [...configure, ...generator, tests]);
    const jobs = String(availableParallelism());
    await runStep('building the engine', 'cmake', ['--build', NATIVE_BUILD, '-j', jobs]);
  });
}

const CUDA_BUILD = 'build/cuda';

/** Builds libetap_cuda.so, which the addon opens where there is a Hopper GPU. Needs nvcc. */
export async function buildCuda() {
  const step = {
    stamp: 'build/stamps/cuda',
    output: `${CUDA_BUILD}/libetap_cuda.so`,
    inputs: ['native/backend', 'native/base', 'native/comm'],
    extra: process.arch,
  };
  await whenStale(step, async () => {
    const configure = ['-S', 'native/backend/cuda', '-B', CUDA_BUILD];
    const generator =
      !existsSync(`${CUDA_BUILD}/CMakeCache.txt`) && hasNinja() ? ['-G', 'Ninja'] : [];
    await runStep('configuring the CUDA library', 'cmake', [...configure, ...generator]);
    const jobs = String(availableParallelism());
    const target = ['--target', 'etap_cuda'];
    await runStep('building the CUDA library (minutes)', 'cmake', [
      '--build',
      CUDA_BUILD,
      '-j',
      jobs,
      ...target,
    ]);
  });
}
