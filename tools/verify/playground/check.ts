/** One thing that is shown, and what it needs. */
import type { Browser, BrowserContextOptions } from 'playwright-core';
import type { Tab } from './browser.ts';

export type Scene = {
  readonly browser: Browser;
  /** A server without keys. */
  readonly url: string;
  /** A fresh tab; closed, and its complaints counted, when the check ends. */
  open(options?: BrowserContextOptions & { readonly url?: string }): Promise<Tab>;
};

export type Check = {
  readonly name: string;
  /** Throws when it is not so; returns figures worth printing. */
  run(scene: Scene): Promise<string>;
};
