/**
 * `npm run bench:kernel`: builds the bench of the ETAP decode kernel and runs it on the GPU at hand, with the
 * arguments given (`--quick`, `--json PATH`, `--shape 16x1x16x65536:balanced`). Prints device, shape, median,
 * GB/s, TFLOPS, share of the measured read ceiling, error, and the ratio to the floor of a padded kernel.
 */
import { spawnSync } from 'node:child_process';

const BUILD = 'build/cuda';

const succeeds = (command: string, args: readonly string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0;

function run(command: string, args: readonly string[]): void {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed`);
}

if (!succeeds('nvidia-smi', ['-L'])) {
  console.log(
    'There is no NVIDIA GPU on this machine (nvidia-smi finds none): nothing to measure. ' +
      'docs/etap.md has the figures of an H200.',
  );
} else if (!succeeds('nvcc', ['--version'])) {
  console.error('nvcc 12.4 or newer is needed to build the bench (not found)');
  process.exitCode = 1;
} else {
  run('cmake', ['-S', 'native/backend/cuda', '-B', BUILD]);
  run('cmake', ['--build', BUILD, '-j', '--target', 'decode_bench']);
  run(`${BUILD}/bench/decode_bench`, process.argv.slice(2));
}
