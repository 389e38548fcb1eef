/** The live page moves under load and shows batching and caching; narrow screens need no sideways scroll. */
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { ask, openSettings, textOf, untilConnected } from './chat-page.ts';
import type { Check } from './check.ts';

const WAIT_MS = 60_000;
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true } as const;

export async function openLive(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'Live', exact: true }).click();
  await page.getByRole('img', { name: /^KV blocks/ }).waitFor();
}

const moves: Check = {
  name: 'the live page moves under the demo load: several sequences a step, blocks shared',
  async run({ open }) {
    const { page } = await open();
    await untilConnected(page);
    await openLive(page);
    await page.getByRole('button', { name: 'Start a demo load' }).click();
    const steps = page.getByRole('img', { name: /^Batches of the last/ });
    const blocks = page.getByRole('img', { name: /^KV blocks/ });
    const batched = await until(steps, /: (?:[6-9]|1\d) sequences/);
    const mixed = await until(steps, /[1-9]\d* decode tokens, [1-9]\d* prefill tokens/);
    const shared = await until(blocks, / [1-9]\d* shared/);
    const cache = page.getByText(/^\d+ %$/);
    await cache.waitFor();
    const share = await textOf(cache);
    await page.getByRole('button', { name: 'Stop the demo load' }).click();
    await until(blocks, / [1-9]\d* cached, 0 used, 0 shared/);
    const [count] = /\d+ sequences/.exec(batched) ?? [''];
    const [mixture] = /\d+ decode tokens, \d+ prefill tokens/.exec(mixed) ?? [''];
    const [sharedCount] = /\d+ shared/.exec(shared) ?? [''];
    return `${count} in a step; a step of ${mixture}; ${sharedCount} blocks; ${share} of prompts cached`;
  },
};

const narrow: Check = {
  name: 'a phone shows everything without scrolling sideways',
  async run({ open }) {
    const { page } = await open(PHONE);
    await untilConnected(page);
    await ask(page, 'What is 17 + 25?');
    assert.ok(await fits(page), 'chat');
    await openSettings(page, 'Sampling');
    assert.ok(await fits(page), 'settings');
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('button', { name: 'Code' }).click();
    assert.ok(await fits(page), 'code');
    await page.keyboard.press('Escape');
    await openLive(page);
    assert.ok(await fits(page), 'live page');
    return `${PHONE.viewport.width} pixels wide`;
  },
};

export const LIVE_CHECKS = [moves, narrow];

const fits = (page: Page): Promise<unknown> =>
  page.evaluate('document.documentElement.scrollWidth <= innerWidth');

/** The label of a picture once it says so. */
async function until(picture: ReturnType<Page['getByRole']>, expected: RegExp): Promise<string> {
  for (const deadline = Date.now() + WAIT_MS; ; ) {
    const label = (await picture.getAttribute('aria-label')) ?? '';
    if (expected.test(label)) return label;
    if (Date.now() > deadline) throw new Error(`expected ${expected}, the picture says: ${label}`);
  }
}
