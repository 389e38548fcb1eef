/** Runs checks of the playground, each in fresh tabs of one browser on one server. */
import type { Browser } from 'playwright-core';
import { ACCESSIBILITY_CHECKS } from './accessibility-check.ts';
import { openTab, type Tab } from './browser.ts';
import { CHAT_CHECKS } from './chat-checks.ts';
import type { Check, Scene } from './check.ts';
import { KEY_CHECK } from './key-check.ts';
import { LIVE_CHECKS } from './live-checks.ts';

export const PLAYGROUND_CHECKS: readonly Check[] = [
  ...CHAT_CHECKS,
  KEY_CHECK,
  ...LIVE_CHECKS,
  ...ACCESSIBILITY_CHECKS,
];

/** What came of one check; `failure` is null when all is well. */
export type Outcome = { readonly line: string; readonly failure: string | null };

/** Whatever a check does, no page may complain or ask anyone but its server. */
export async function runCheck(check: Check, browser: Browser, url: string): Promise<Outcome> {
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
    const line = `${check.name} (${seconds} s)${figures === '' ? '' : `: ${figures}`}`;
    return { line, failure: null };
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    return { line: `${check.name}: ${failure}`, failure };
  } finally {
    for (const tab of tabs) await tab.close();
  }
}
