/**
 * `npm run verify:golden`: logits of every golden checkpoint against Hugging Face transformers, on the
 * reference backend (fp32 bound) and on the CPU backend with every instruction set of this machine.
 * Prints one row a checkpoint; exits 1 when a bound is exceeded.
 */
import { spawnSync } from 'node:child_process';

const PROGRAM = 'build/native/test/model/golden_logits';
const CHECKPOINTS = 'test/golden/logits';

const RUNS: readonly (readonly string[])[] = [
  ['--backend', 'reference'],
  ['--isa', 'all'],
  ['--ranks', '2'],
];

const failed = RUNS.filter((args) => {
  console.log(`\n== ${args.join(' ')}`);
  return spawnSync(PROGRAM, [CHECKPOINTS, ...args], { stdio: 'inherit' }).status !== 0;
});
console.log(
  failed.length === 0
    ? '\ngolden logits within their bounds in every run'
    : `\nFAILED: ${failed.map((args) => args.join(' ')).join(', ')}`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
