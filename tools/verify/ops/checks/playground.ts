/** The playground in a real Chromium, used as a person uses it. */
import { openBrowser } from '../../playground/browser.ts';
import { PLAYGROUND_CHECKS, runCheck } from '../../playground/run-checks.ts';
import { startServer } from '../../server.ts';
import type { Check } from '../check.ts';

export const playgroundCheck: Check = {
  name: 'playground',
  async run() {
    const browser = await openBrowser();
    const server = await startServer(['models/demo']);
    const figures: string[] = [];
    const failures: string[] = [];
    try {
      for (const check of PLAYGROUND_CHECKS) {
        const { line, failure } = await runCheck(check, browser, server.url);
        (failure === null ? figures : failures).push(line);
      }
    } finally {
      await browser.close();
      await server.stop();
    }
    return { figures, failures };
  },
};
