/** Debian's Chromium, driven without a download, and what every page of it must keep to. */
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** For one thing to happen; a busy machine takes its time. */
const TIMEOUT_MS = 120_000;
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

export async function openBrowser(): Promise<Browser> {
  if (!existsSync(CHROMIUM)) {
    throw new Error(
      `found no ${CHROMIUM}; install Debian's package chromium, or set CHROMIUM to a browser`,
    );
  }
  // Without a sandbox, as root in a container has none to offer; the page is our own.
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
}

export type Tab = {
  readonly page: Page;
  /** What the browser complained of, refusals of the content security policy among it. */
  readonly complaints: readonly string[];
  /** Requests to anywhere but the server. */
  readonly foreignRequests: readonly string[];
  close(): Promise<void>;
};

/** A page of a fresh profile at the server's address. */
export async function openTab(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Tab> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  const complaints: string[] = [];
  const foreignRequests: string[] = [];
  page.on('pageerror', ({ message }) => complaints.push(message));
  page.on('console', (message) => {
    // The browser reports each refused request by itself; those are looked at where they are shown.
    const aboutStatus = message.text().startsWith('Failed to load resource');
    if (['error', 'warning'].includes(message.type()) && !aboutStatus) {
      complaints.push(message.text());
    }
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) foreignRequests.push(request.url());
  });
  await page.goto(`${url}/`);
  return { page, complaints, foreignRequests, close: () => context.close() };
}
