/**
 * `npm run verify:ops [NAME...]`: shows what operators are promised, with the real tools; names choose
 * checks. Prints the figures last and exits 1 when a promise is broken.
 */
import type { Check, CheckResult } from './check.ts';
import { deploymentCheck } from './checks/deployment.ts';
import { overheadCheck } from './checks/overhead.ts';
import { playgroundCheck } from './checks/playground.ts';
import { queriesCheck } from './checks/queries.ts';
import { rulesCheck } from './checks/rules.ts';
import { scrapeCheck } from './checks/scrape.ts';

const CHECKS: readonly Check[] = [
  deploymentCheck,
  rulesCheck,
  queriesCheck,
  scrapeCheck,
  overheadCheck,
  playgroundCheck,
];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !CHECKS.some((check) => check.name === name));
if (unknown.length > 0) {
  console.error(`no check is named ${unknown}; there are ${CHECKS.map(({ name }) => name)}`);
  process.exit(2);
}

const lines: string[] = [];
for (const check of CHECKS) {
  if (wanted.length > 0 && !wanted.includes(check.name)) continue;
  console.log(`verify:ops ${check.name} ...`);
  const { figures, failures } = await attempt(check);
  lines.push(...figures.map((figure) => `${check.name}: ${figure}`));
  lines.push(...failures.map((failure) => `${check.name}: FAILED: ${failure}`));
  if (failures.length > 0) process.exitCode = 1;
}
console.log(`\n${lines.join('\n')}`);

async function attempt(check: Check): Promise<CheckResult> {
  try {
    return await check.run();
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { figures: [], failures: [reason] };
  }
}
