/**
 * Shows the playground at work in a real browser: `npm run verify:playground`. Serves the demo model
 * and uses the page as a person does. `--screenshots` takes the pictures of docs/images instead.
 */
import { startServer } from '../server.ts';
import { ACCESSIBILITY_CHECKS } from './accessibility-check.ts';
import { openBrowser, openTab, type Tab } from './browser.ts';
import { CHAT_CHECKS } from './chat-checks.ts';
import type { Check, Scene } from './check.ts';
import { KEY_CHECK } from './key-check.ts';
import { LIVE_CHECKS } from './live-checks.ts';
import { takeScreenshots } from './screenshots.ts';

const CHECKS = [...CHAT_CHECKS, KEY_CHECK, ...LIVE_CHECKS, ...ACCESSIBILITY_CHECKS];

async function main(args: readonly string[]): Promise<number> {
  const browser = await openBrowser();
  const server = await startServer(['models/demo']);
  try {
    if (args.includes('--screenshots')) {
      await takeScreenshots(browser, server.url);
      return 0;
    }
    const wanted = CHECKS.filter(({ name }) => args.every((word) => name.includes(word)));
    let failedCount = 0;
    for (const check of wanted) failedCount += (await passes(check, browser, server.url)) ? 0 : 1;
    console.log(`${wanted.length - failedCount} of ${wanted.length} checks passed`);
    return failedCount === 0 ? 0 : 1;
  } finally {
    await browser.close();
    await server.stop();
  }
}

/** Whatever a check does, no page may complain or ask anyone but its server. */
async function passes(check: Check, browser: Scene['browser'], url: string): Promise<boolean> {
  const tabs: Tab[] = [];
  const scene: Scene = {
    browser,
    url,
    open: async ({ url: address = url, ...options } = {}) => {
      const tab = await openTab(browser, address, options);
      tabs.push(tab);
      return tab;
    },
  };
  const startedMs = Date.now();
  try {
    const figures = await check.run(scene);
    const complaints = tabs.flatMap((tab) => [...tab.complaints, ...tab.foreignRequests]);
    if (complaints.length > 0) throw new Error(`the browser complained: ${complaints.join('; ')}`);
    const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
    console.log(`ok    ${check.name} (${seconds} s)${figures === '' ? '' : `: ${figures}`}`);
    return true;
  } catch (error) {
    console.log(`FAIL  ${check.name}: ${error instanceof Error ? error.message : error}`);
    return false;
  } finally {
    for (const tab of tabs) await tab.close();
  }
}

process.exitCode = await main(process.argv.slice(2));
