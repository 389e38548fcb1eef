/** The pictures in docs/images: made by hand with `--screenshots`, looked at, then committed. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { openTab } from './browser.ts';
import { ask, openSettings, untilConnected } from './chat-page.ts';
import { openLive } from './live-checks.ts';

const FOLDER = 'docs/images';
/** The demo load runs until this many steps are seen, and many sequences in the last of them. */
const ENOUGH_STEPS = /^Batches of the last (?:9\d|1\d\d) steps. Step \d+, [\d.]+ ms: (?:9|1\d) seq/;
/** No colour is caught half-way. */
const STILL = { reducedMotion: 'reduce' } as const;
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } as const;

export async function takeScreenshots(browser: Browser, url: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    const viewport = { width: 1280, height: 800 };
    const { page, close } = await openTab(browser, url, { colorScheme, viewport, ...STILL });
    const shoot = (name: string) => shootTo(page, `${name}-${colorScheme}`);
    await untilConnected(page);
    await openSettings(page, 'Sampling');
    await page.getByLabel('Token probabilities').check();
    await page.getByLabel('Seed').fill('11');
    await page.getByLabel('Most tokens').fill('96');
    await ask(page, 'What is 17 + 25?');
    await ask(page, 'What can you do?');
    await ask(page, 'Write two lines in the style of Shakespeare.');
    const tokens = page.locator('.answer').last().locator('.token[class*="doubt-"]:not(.doubt-0)');
    await tokens.nth(2).hover();
    await shoot('chat');
    await page.setViewportSize({ width: 1280, height: 1120 });
    await openLive(page);
    await page.getByRole('button', { name: 'Start a demo load' }).click();
    await page.getByRole('img', { name: ENOUGH_STEPS }).waitFor();
    await shoot('live');
    await page.getByRole('button', { name: /demo load/ }).click();
    await close();
  }
  const { page, close } = await openTab(browser, url, { ...PHONE, ...STILL, colorScheme: 'light' });
  await untilConnected(page);
  await ask(page, 'What is 17 + 25?');
  await ask(page, 'What can you do?');
  await shootTo(page, 'chat-phone');
  await close();
}

/** As WebP, which is a third of a PNG. */
async function shootTo(page: Page, name: string): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 78 });
  writeFileSync(join(FOLDER, `${name}.webp`), Buffer.from(data, 'base64'));
}
