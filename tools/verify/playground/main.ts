/**
 * Shows the playground at work in a real browser: `npm run verify:playground [WORD...]`. Serves the
 * demo model and uses the page as a person does; words choose checks by their names.
 * `--screenshots` takes the pictures of docs/images instead. Also a check of `npm run verify:ops`.
 */
import { startServer } from '../server.ts';
import { openBrowser } from './browser.ts';
import { PLAYGROUND_CHECKS, runCheck } from './run-checks.ts';
import { takeScreenshots } from './screenshots.ts';

async function main(args: readonly string[]): Promise<number> {
  const browser = await openBrowser();
  const server = await startServer(['models/demo']);
  try {
    if (args.includes('--screenshots')) {
      await takeScreenshots(browser, server.url);
      return 0;
    }
    const wanted = PLAYGROUND_CHECKS.filter(({ name }) =>
      args.every((word) => name.includes(word)),
    );
    let failedCount = 0;
    for (const check of wanted) {
      const { line, failure } = await runCheck(check, browser, server.url);
      console.log(`${failure === null ? 'ok  ' : 'FAIL'}  ${line}`);
      if (failure !== null) failedCount++;
    }
    console.log(`${wanted.length - failedCount} of ${wanted.length} checks passed`);
    return failedCount === 0 ? 0 : 1;
  } finally {
    await browser.close();
    await server.stop();
  }
}

process.exitCode = await main(process.argv.slice(2));
