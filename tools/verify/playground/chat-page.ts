/** The chat as a person uses it: by names and roles, never by the structure of the page. */
import type { Locator, Page } from 'playwright-core';

export const answers = (page: Page): Locator => page.getByRole('article', { name: 'Answer' });
export const lastAnswer = (page: Page): Locator => answers(page).last();

export const textOf = async (locator: Locator): Promise<string> =>
  (await locator.textContent()) ?? '';

export async function untilConnected(page: Page): Promise<void> {
  await page.getByText('connecting').waitFor({ state: 'detached' });
}

export async function send(page: Page, text: string): Promise<void> {
  await page.getByLabel('Your message').fill(text);
  await page.keyboard.press('Enter');
}

/** Asks and waits for the whole answer; returns its text, figures included. */
export async function ask(page: Page, text: string, next = 'Your message'): Promise<string> {
  await send(page, text);
  await untilAnswered(page);
  await page.getByLabel(next).waitFor();
  return textOf(lastAnswer(page));
}

export async function untilAnswered(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Send', exact: true }).waitFor();
}

/** Opens the settings at a tab. */
export async function openSettings(page: Page, tab: string): Promise<void> {
  const settings = page.getByRole('button', { name: 'Settings' });
  if ((await settings.getAttribute('aria-expanded')) === 'false') await settings.click();
  await page.getByRole('tab', { name: tab }).click();
}
