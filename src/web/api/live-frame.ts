/** One event of the live feed, as docs/playground.md describes it. */

/** [sequence, slot, tokens]: negative tokens were decoded, positive ones prefilled. */
export type LiveRow = readonly [sequence: number, slot: number, tokens: number];

export type LiveStep = {
  readonly step: number;
  readonly ms: number;
  readonly decode: number;
  readonly prefill: number;
  readonly rows: readonly LiveRow[];
};

export type LiveSequence = readonly [
  sequence: number,
  slot: number,
  promptTokens: number,
  cachedTokens: number,
  computedTokens: number,
];

export type LiveBlocks = {
  readonly perCell: number;
  /** Free, cached, used, shared. */
  readonly counts: readonly number[];
  /** Run lengths of cells, e.g. `s2u3c4f500`. */
  readonly cells: string;
};

export type LiveFrame = {
  readonly atMs: number;
  readonly state: 'loading' | 'ready' | 'restarting' | 'failed' | 'stopped';
  readonly slots: number;
  readonly blockTokens: number;
  readonly running: number;
  readonly waiting: number;
  readonly blocked: 'none' | 'slots' | 'blocks' | 'budget';
  readonly totals: {
    readonly prefillTokens: number;
    readonly cachedTokens: number;
    readonly queriedTokens: number;
    readonly preemptions: number;
  };
  readonly picture?: {
    readonly emittedTokens: number;
    readonly firstTokenMs: readonly number[];
    readonly steps: readonly LiveStep[];
    readonly sequences: readonly LiveSequence[];
    readonly blocks: LiveBlocks;
  };
};
