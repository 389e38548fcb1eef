/**
 * `npm run verify:api`: the official Python client against the served demo model. Makes a virtual
 * environment in .venv/api the first time, which needs python3 with venv and a package index. The
 * clients in TypeScript are part of `npm test`: test/e2e/http.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { startServer } from '../server.ts';

const ENVIRONMENT = '.venv/api';
const PYTHON = `${ENVIRONMENT}/bin/python`;
const SOURCES = 'tools/verify/api';

/** Exit code of a command that writes to this terminal. */
function run(command: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit' });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

async function prepare(): Promise<boolean> {
  if (!existsSync(PYTHON) && (await run('python3', ['-m', 'venv', ENVIRONMENT])) !== 0)
    return false;
  const install = ['-m', 'pip', 'install', '--quiet', '--requirement'];
  return (await run(PYTHON, [...install, `${SOURCES}/requirements.txt`])) === 0;
}

async function main(): Promise<number> {
  if (!(await prepare())) {
    console.error(`verify:api: no Python environment in ${ENVIRONMENT}; install python3-venv`);
    return 1;
  }
  const server = await startServer(['models/demo', ...process.argv.slice(2)]);
  try {
    return await run(PYTHON, [`${SOURCES}/python_client.py`, `${server.url}/v1`]);
  } finally {
    await server.stop();
  }
}

process.exitCode = await main();
