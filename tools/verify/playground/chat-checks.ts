/** Chat: streaming, stop, reload, regenerate, edit, errors, probabilities, tools, schema, code. */
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import {
  answers,
  ask,
  lastAnswer,
  openSettings,
  send,
  textOf,
  untilAnswered,
  untilConnected,
} from './chat-page.ts';
import type { Check } from './check.ts';

const LONG_QUESTION = 'Write lines in the style of Shakespeare.';

const streams: Check = {
  name: 'an answer streams, and is right',
  async run({ open }) {
    const { page } = await open();
    await untilConnected(page);
    assert.match(await ask(page, 'What is 17 + 25?'), /42/);
    await keepsTalking(page, 300);
    await page.evaluate(COUNT_LENGTHS);
    await send(page, LONG_QUESTION);
    await untilAnswered(page);
    const lengths = Number(await page.evaluate('globalThis.lengths.size'));
    assert.ok(lengths > 10, `the text was seen at ${lengths} lengths`);
    return `the text was seen at ${lengths} lengths`;
  },
};

const stops: Check = {
  name: 'Stop ends the answer, in the page and in the engine',
  async run({ open, url }) {
    const { page } = await open();
    await untilConnected(page);
    await keepsTalking(page, 6000);
    await send(page, LONG_QUESTION);
    await lastAnswer(page).locator('.text').waitFor();
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await lastAnswer(page).getByText('stopped by you').waitFor();
    await untilIdle(url);
    await send(page, LONG_QUESTION);
    await lastAnswer(page).locator('.text').waitFor();
    await page.getByLabel('Your message').press('Escape');
    await lastAnswer(page).getByText('stopped by you').waitFor();
    await untilIdle(url);
    return 'by button and by Escape';
  },
};

const reloads: Check = {
  name: 'a reload keeps the conversation and the settings',
  async run({ open }) {
    const { page } = await open();
    await untilConnected(page);
    await openSettings(page, 'System');
    await page.getByLabel('System prompt').fill('Answer briefly.');
    const answer = await ask(page, 'What is 3 + 4?');
    await page.reload();
    assert.equal(await answers(page).count(), 1);
    assert.equal(await textOf(lastAnswer(page)), answer);
    await openSettings(page, 'System');
    assert.equal(await page.getByLabel('System prompt').inputValue(), 'Answer briefly.');
    await page.getByRole('button', { name: 'New chat' }).click();
    await page.reload();
    assert.equal(await answers(page).count(), 0);
    return '';
  },
};

const changes: Check = {
  name: 'a question can be edited, an answer asked for again',
  async run({ open }) {
    const { page } = await open();
    await untilConnected(page);
    await ask(page, 'What is 1 + 1?');
    await ask(page, 'What is 2 + 2?');
    await page.getByRole('article', { name: 'You' }).first().hover();
    await page.getByRole('button', { name: 'Edit' }).first().click();
    await page.getByLabel('Edit your message').fill('What is 20 + 30?');
    await page.getByRole('button', { name: 'Send again' }).click();
    await untilAnswered(page);
    assert.equal(await answers(page).count(), 1);
    assert.match(await textOf(lastAnswer(page)), /50/);
    await page.getByRole('button', { name: 'Regenerate' }).click();
    await untilAnswered(page);
    assert.match(await textOf(lastAnswer(page)), /50/);
    return '';
  },
};

const errors: Check = {
  name: 'errors are shown: bad JSON, a refusal of the server, a lost connection',
  async run({ open }) {
    const { page } = await open();
    await untilConnected(page);
    const alert = lastAnswer(page).getByRole('alert');
    await openSettings(page, 'Tools');
    await page.getByLabel('Functions the model may call').fill('[{');
    await page.getByText('Tools is not valid JSON').first().waitFor();
    await send(page, 'What is 1 + 1?');
    assert.match(await textOf(alert), /Not sent[\s\S]*Tools is not valid JSON/);
    await page.getByRole('button', { name: 'Reset all' }).click();
    await page.getByRole('button', { name: 'New chat' }).click();

    await openSettings(page, 'Sampling');
    await page.getByLabel('Most tokens').fill('100000000');
    await send(page, 'What is 1 + 1?');
    const refusal = await textOf(alert);
    assert.match(refusal, /The server refused this request/);
    await page.getByRole('button', { name: 'Reset all' }).click();

    await page.context().setOffline(true);
    await alert.getByRole('button', { name: 'Try again' }).click();
    await alert.getByText('Connection lost').waitFor();
    await page.context().setOffline(false);
    await alert.getByRole('button', { name: 'Try again' }).click();
    await untilAnswered(page);
    assert.match(await textOf(lastAnswer(page)), /2/);
    return refusal.replaceAll(/\s+/g, ' ');
  },
};

const probabilities: Check = {
  name: 'token probabilities, by mouse and by keyboard',
  async run({ open }) {
    const { page } = await open();
    await untilConnected(page);
    await openSettings(page, 'Sampling');
    await page.getByLabel('Token probabilities').check();
    await ask(page, 'What can you do?');
    const line = page.getByLabel('Answer by tokens');
    await line.locator('.token').first().hover();
    const table = page.getByRole('table', { name: 'Most probable tokens here' });
    await table.waitFor();
    const rows = await table.getByRole('row').count();
    assert.ok(rows >= 5, `${rows} alternatives`);
    await page.getByLabel('Your message').hover();
    await table.waitFor({ state: 'detached' });
    await line.focus();
    await line.press('ArrowRight');
    await line.press('ArrowRight');
    await table.waitFor();
    assert.match(await textOf(table), /\d %/);
    return `${rows} alternatives`;
  },
};

const tabs: Check = {
  name: 'a tool is called and given its result, a schema is sent',
  async run({ open }) {
    const { page } = await open();
    await untilConnected(page);
    await openSettings(page, 'Tools');
    await page.getByRole('button', { name: 'Insert an example' }).click();
    const call = await ask(page, 'What is the weather in Paris?', 'Result of get_weather');
    assert.match(call, /Calls get_weather[\s\S]*Paris/);
    await page.getByLabel('Result of get_weather').fill('{"weather": "sunny"}');
    await page.keyboard.press('Enter');
    await untilAnswered(page);
    const answer = await textOf(lastAnswer(page));
    assert.ok(answer.length > 0);
    await page.getByRole('button', { name: 'Reset all' }).click();
    await page.getByRole('button', { name: 'New chat' }).click();

    await openSettings(page, 'Schema');
    await page.getByRole('button', { name: 'Insert an example' }).click();
    const json = await ask(page, 'Give me a JSON object with name Ada and age 36.');
    // The schema holds whatever the toy model makes of the name.
    assert.match(json, /\{\s*"name":\s*"[^"]*",\s*"age":\s*\d+\s*\}/);
    return [call, answer, json].map((text) => text.replaceAll(/\s+/g, ' ').slice(0, 60)).join('; ');
  },
};

const code: Check = {
  name: 'the request as curl, Python and TypeScript',
  async run({ open, url }) {
    const { page } = await open({ permissions: ['clipboard-read', 'clipboard-write'] });
    await untilConnected(page);
    await ask(page, 'What is 1 + 1?');
    await page.getByRole('button', { name: 'Code' }).click();
    for (const language of ['curl', 'Python', 'TypeScript']) {
      await page.getByRole('tab', { name: language }).click();
      await page.getByRole('button', { name: 'Copy', exact: true }).last().click();
      await page.getByText('Copied').waitFor();
      const copied = String(await page.evaluate('navigator.clipboard.readText()'));
      assert.ok(copied.includes('What is 1 + 1?') && copied.includes(url), language);
    }
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    return '';
  },
};

export const CHAT_CHECKS = [streams, stops, reloads, changes, errors, probabilities, tabs, code];

/** The toy model has little to say: its answers go on to their most tokens. */
async function keepsTalking(page: Page, tokens: number): Promise<void> {
  await page.route('**/v1/chat/completions', async (route) => {
    const body = route.request().postDataJSON() as Record<string, unknown>;
    const postData = JSON.stringify({ ...body, ignore_eos: true, max_tokens: tokens });
    await route.continue({ postData });
  });
}

/** Every length that the last answer has while it grows. */
const COUNT_LENGTHS = `(() => {
  globalThis.lengths = new Set();
  const look = () => {
    const text = [...document.querySelectorAll('.answer .text')].at(-1);
    if (text) globalThis.lengths.add(text.textContent.length);
  };
  const options = { subtree: true, childList: true, characterData: true };
  new MutationObserver(look).observe(document.body, options);
})()`;

async function untilIdle(url: string): Promise<void> {
  for (;;) {
    const load = (await (await fetch(`${url}/load`)).json()) as { requests_running: number };
    if (load.requests_running === 0) return;
  }
}
