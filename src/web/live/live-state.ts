/** What the live page shows, made from frames alone: rates, steps, sequences and blocks. */
import type { LiveBlocks, LiveFrame, LiveSequence, LiveStep } from '../api/live-frame.ts';

/** Seconds on the time axis. */
export const WINDOW_S = 60;
/** Rates are means over this long. */
const RATE_WINDOW_MS = 2000;
const STEPS_MAX = 240;
const FIRST_TOKENS_MAX = 20;
const POINTS_MAX = 600;

export type Point = {
  readonly atS: number;
  readonly generatedPerS: number;
  readonly promptPerS: number;
  readonly running: number;
  readonly waiting: number;
  /** Of sequences that began since the point before; null when none did. */
  readonly firstTokenMs: number | null;
};

/** A step with what a sequence brought along when it first appeared. */
export type ShownStep = LiveStep & {
  /** Cached tokens of the sequences that begin here, by slot. */
  readonly cachedBySlot: ReadonlyMap<number, number>;
};

type Totals = { readonly atMs: number; readonly generated: number; readonly prompt: number };

export type LiveState = {
  readonly frame: LiveFrame | null;
  readonly points: readonly Point[];
  readonly steps: readonly ShownStep[];
  readonly sequences: readonly LiveSequence[];
  readonly blocks: LiveBlocks | null;
  /** Latest times to first token, the newest last. */
  readonly firstTokensMs: readonly number[];
  /** Tokens looked up in the prefix cache and found there since the page is open. */
  readonly cache: { readonly queried: number; readonly hit: number };
  readonly seen: ReadonlySet<number>;
  readonly totals: readonly Totals[];
};

export const EMPTY_LIVE: LiveState = {
  frame: null,
  points: [],
  steps: [],
  sequences: [],
  blocks: null,
  firstTokensMs: [],
  cache: { queried: 0, hit: 0 },
  seen: new Set(),
  totals: [],
};

/** @param atMs the page's clock, milliseconds that only grow */
export function withFrame(state: LiveState, frame: LiveFrame, atMs: number): LiveState {
  const { picture } = frame;
  if (picture === undefined) return withPoint({ ...state, frame }, atMs, []);
  const { steps, seen } = shownSteps(state, picture.steps, picture.sequences);
  const totals = { atMs, generated: picture.emittedTokens, prompt: frame.totals.prefillTokens };
  const next = {
    ...state,
    frame,
    steps: [...state.steps, ...steps].slice(-STEPS_MAX),
    seen,
    sequences: [...picture.sequences].sort((left, right) => left[1] - right[1]),
    blocks: picture.blocks,
    firstTokensMs: [...state.firstTokensMs, ...picture.firstTokenMs].slice(-FIRST_TOKENS_MAX),
    cache: cacheSince(state, frame),
    totals: recent([...(restarted(state, totals) ? [] : state.totals), totals], atMs),
  };
  return withPoint(next, atMs, picture.firstTokenMs);
}

/** Time goes on while no frame comes: an idle engine sends none. */
export function withTick(state: LiveState, atMs: number): LiveState {
  return state.frame === null ? state : withPoint(state, atMs, []);
}

function withPoint(state: LiveState, atMs: number, firstTokenMs: readonly number[]): LiveState {
  const point = {
    atS: atMs / 1000,
    ...rates(state.totals, atMs),
    running: state.frame?.running ?? 0,
    waiting: state.frame?.waiting ?? 0,
    firstTokenMs: median(firstTokenMs),
  };
  const points = [...state.points, point].filter(({ atS }) => atS > point.atS - WINDOW_S);
  return { ...state, points: points.slice(-POINTS_MAX) };
}

function rates(totals: readonly Totals[], atMs: number) {
  const last = totals.at(-1);
  const first = totals.find((one) => one.atMs >= atMs - RATE_WINDOW_MS);
  if (last === undefined || first === undefined) return { generatedPerS: 0, promptPerS: 0 };
  const index = totals.indexOf(first);
  // The mean starts where the last total before the window was taken.
  const from = totals[index - 1] ?? first;
  const seconds = Math.max(atMs - from.atMs, RATE_WINDOW_MS) / 1000;
  return {
    generatedPerS: (last.generated - from.generated) / seconds,
    promptPerS: (last.prompt - from.prompt) / seconds,
  };
}

const recent = (totals: readonly Totals[], atMs: number): readonly Totals[] => {
  const firstKept = totals.findIndex((one) => one.atMs >= atMs - 2 * RATE_WINDOW_MS);
  return totals.slice(Math.max(0, firstKept));
};

/** Another engine process counts from nothing. */
function restarted({ totals }: LiveState, next: Totals): boolean {
  const last = totals.at(-1);
  return last !== undefined && (next.generated < last.generated || next.prompt < last.prompt);
}

function cacheSince({ cache, frame: before }: LiveState, { totals }: LiveFrame) {
  const queried = totals.queriedTokens - (before?.totals.queriedTokens ?? totals.queriedTokens);
  const hit = totals.cachedTokens - (before?.totals.cachedTokens ?? totals.cachedTokens);
  if (queried < 0 || hit < 0) return cache;
  return { queried: cache.queried + queried, hit: cache.hit + hit };
}

function shownSteps(
  { seen: seenBefore }: LiveState,
  steps: readonly LiveStep[],
  sequences: readonly LiveSequence[],
) {
  const cached = new Map(sequences.map(([id, , , cachedTokens]) => [id, cachedTokens]));
  const seen = new Set(seenBefore);
  const shown = steps.map((step) => {
    const cachedBySlot = new Map<number, number>();
    for (const [id, slot] of step.rows) {
      if (seen.has(id)) continue;
      seen.add(id);
      cachedBySlot.set(slot, cached.get(id) ?? 0);
    }
    return { ...step, cachedBySlot };
  });
  // Only those that may come again: ids grow, and a sequence that is gone stays gone.
  const oldest = Math.min(...sequences.map(([id]) => id), ...[...seen].slice(-STEPS_MAX));
  return { steps: shown, seen: new Set([...seen].filter((id) => id >= oldest)) };
}

export function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return null;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

export const BLOCK_STATES = ['free', 'cached', 'used', 'shared'] as const;

/** State of each cell, as an index into BLOCK_STATES, from run lengths such as `s2u3f500`. */
export function cellStates(cells: string): Uint8Array {
  const runs = [...cells.matchAll(/([fcus])(\d+)/g)].map(
    ([, letter = 'f', count = '0']) => ['fcus'.indexOf(letter), Number(count)] as const,
  );
  const states = new Uint8Array(runs.reduce((sum, [, count]) => sum + count, 0));
  let at = 0;
  for (const [state, count] of runs) {
    states.fill(state, at, at + count);
    at += count;
  }
  return states;
}
