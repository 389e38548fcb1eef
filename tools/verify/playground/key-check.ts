/** With keys on: the page asks, a wrong key is refused, the right one opens chat and live page. */
import assert from 'node:assert/strict';
import { startServer } from '../server.ts';
import { ask } from './chat-page.ts';
import type { Check } from './check.ts';

const KEY = 'playground-check-key';

export const KEY_CHECK: Check = {
  name: 'the key is asked for, checked and kept for the tab only',
  async run({ open }) {
    const server = await startServer(['models/demo', '--api-key', KEY]);
    try {
      const { page } = await open({ url: server.url });
      const dialog = page.getByRole('dialog', { name: 'API key' });
      await dialog.getByText('This server asks for a key').waitFor();
      await dialog.getByLabel('Key').fill('wrong');
      await dialog.getByRole('button', { name: 'Use key' }).click();
      await dialog.getByText('does not know this key').waitFor();
      await dialog.getByLabel('Key').fill(KEY);
      await page.keyboard.press('Enter');
      await dialog.waitFor({ state: 'detached' });
      assert.match(await ask(page, 'What is 17 + 25?'), /42/);
      await page.getByRole('link', { name: 'Live', exact: true }).click();
      await page.getByRole('img', { name: /^KV blocks/ }).waitFor();
      await page.reload();
      await page.getByRole('img', { name: /^KV blocks/ }).waitFor();
      const kept = String(await page.evaluate('JSON.stringify(localStorage)'));
      assert.ok(!kept.includes(KEY), 'the key outlives the tab');
      return '';
    } finally {
      await server.stop();
    }
  },
};
