/** axe finds nothing serious on any view, in light and in dark; the keyboard reaches everything. */
import assert from 'node:assert/strict';
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { ask, openSettings, untilConnected } from './chat-page.ts';
import type { Check } from './check.ts';
import { openLive } from './live-checks.ts';

type Finding = {
  readonly id: string;
  readonly impact: string | null;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
};

const axeCheck: Check = {
  name: 'axe: nothing serious, in light and dark',
  async run({ open }) {
    let views = 0;
    const minor = new Set<string>();
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await open({ colorScheme });
      const look = async (view: string) => {
        for (const id of await findings(page, `${colorScheme} ${view}`)) minor.add(id);
        views++;
      };
      await untilConnected(page);
      await look('welcome');
      await openSettings(page, 'Sampling');
      await page.getByLabel('Token probabilities').check();
      await ask(page, 'What can you do?');
      await look('chat and sampling');
      await openSettings(page, 'Tools');
      await page.getByLabel('Functions the model may call').fill('[{');
      await ask(page, 'What is 1 + 1?');
      await look('tools and an error');
      await page.getByRole('button', { name: 'Code' }).click();
      await look('code');
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Key' }).click();
      await look('key');
      await page.keyboard.press('Escape');
      await openLive(page);
      await page.getByRole('button', { name: 'Start a demo load' }).click();
      await page.getByRole('list').last().waitFor();
      await look('live');
      await page.getByRole('button', { name: 'Stop the demo load' }).click();
    }
    return `${views} views; lesser findings: ${[...minor].join(', ') || 'none'}`;
  },
};

const keyboard: Check = {
  name: 'everything is reached with the Tab key, and the focus is seen',
  async run({ open }) {
    const { page } = await open();
    await untilConnected(page);
    await ask(page, 'What is 1 + 1?');
    await page.evaluate('document.activeElement.blur()');
    const reached = new Set<string>();
    for (let stop = 0; stop < 20; stop++) {
      await page.keyboard.press('Tab');
      reached.add(String(await page.evaluate(FOCUSED)));
    }
    const missing = ['Skip', 'Chat', 'Live', 'Key', 'Theme', 'Edit', 'Copy', 'Regenerate']
      .concat('Your message', 'Settings', 'Code', 'New chat')
      .filter((name) => ![...reached].some((one) => one.startsWith(name)));
    assert.deepEqual(missing, []);
    assert.ok(![...reached].some((one) => one.endsWith('unseen')), [...reached].join(', '));
    return `${reached.size} stops`;
  },
};

export const ACCESSIBILITY_CHECKS = [axeCheck, keyboard];

/** Name of what has the focus, and whether an outline or a border shows it. */
const FOCUSED = `(() => {
  const { activeElement: one } = document;
  const style = getComputedStyle(one);
  const field = one.closest('.composer');
  const seen = style.outlineStyle !== 'none' || field !== null || one === document.body;
  const name = one.getAttribute('aria-label') ?? one.textContent.trim();
  return name + (seen ? '' : ' unseen');
})()`;

/** Throws on serious findings; returns the lesser ones. */
async function findings(page: Page, view: string): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  const { violations } = (await page.evaluate('axe.run()')) as { violations: Finding[] };
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  const told = serious.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`,
  );
  assert.deepEqual(told, [], view);
  return violations.map(({ id }) => id);
}
