/**
 * `npm run verify:cuda`: what of the CUDA backend can be shown here. Anywhere: layouts, plans and splits, and every
 * operation with its kernels emulated on the host. With nvcc: the compile gates. With a Hopper GPU: everything else
 * (tools/kernel-bench/run.sh), timings included. Says what it could not run; exits 1 when something failed.
 */
import { spawnSync } from 'node:child_process';

const has = (command: string, args: readonly string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0;

const failed: string[] = [];
const left: string[] = [];

function step(name: string, command: string, args: readonly string[]): void {
  console.log(`\n== ${name}`);
  if (spawnSync(command, args, { stdio: 'inherit' }).status !== 0) failed.push(name);
}

step('host tests and emulated kernels', 'ctest', [
  ...['--test-dir', 'build/native', '--output-on-failure', '-R', '^cuda_'],
]);
if (has('nvcc', ['--version'])) {
  step('compile gates', 'python3', ['tools/kernel-bench/compile_gates.py']);
} else {
  left.push('compile gates (no nvcc)');
}
if (has('nvidia-smi', ['-L'])) {
  step('GPU', 'tools/kernel-bench/run.sh', ['--sanitize']);
} else {
  left.push('everything that runs on a GPU (there is none)');
}
for (const name of left) console.log(`not run: ${name}`);
console.log(failed.length === 0 ? '\nall that ran passed' : `\nFAILED: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
