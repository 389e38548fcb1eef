import { describe, expect, it } from 'vitest';
import type { LiveFrame, LiveSequence, LiveStep } from '../../../src/web/api/live-frame.ts';
import {
  cellStates,
  EMPTY_LIVE,
  type LiveState,
  median,
  WINDOW_S,
  withFrame,
  withTick,
} from '../../../src/web/live/live-state.ts';

type Told = {
  readonly emitted?: number;
  readonly prefill?: number;
  readonly cached?: number;
  readonly queried?: number;
  readonly steps?: readonly LiveStep[];
  readonly sequences?: readonly LiveSequence[];
  readonly firstTokenMs?: readonly number[];
};

const frame = (told: Told = {}): LiveFrame => ({
  atMs: 0,
  state: 'ready',
  slots: 8,
  blockTokens: 64,
  running: told.sequences?.length ?? 0,
  waiting: 0,
  blocked: 'none',
  totals: {
    prefillTokens: told.prefill ?? 0,
    cachedTokens: told.cached ?? 0,
    queriedTokens: told.queried ?? 0,
    preemptions: 0,
  },
  picture: {
    emittedTokens: told.emitted ?? 0,
    firstTokenMs: told.firstTokenMs ?? [],
    steps: told.steps ?? [],
    sequences: told.sequences ?? [],
    blocks: { perCell: 1, counts: [4, 0, 0, 0], cells: 'f4' },
  },
});

const step = (index: number, rows: LiveStep['rows']): LiveStep => ({
  step: index,
  ms: 10,
  decode: 0,
  prefill: 0,
  rows,
});

const stateAfter = (frames: readonly (readonly [number, LiveFrame])[]): LiveState =>
  frames.reduce((state, [atMs, one]) => withFrame(state, one, atMs), EMPTY_LIVE);

describe('rates', () => {
  it('are means over the last two seconds, and fall to nothing when the engine rests', () => {
    const state = stateAfter([
      [0, frame()],
      [1000, frame({ emitted: 50, prefill: 640 })],
      [2000, frame({ emitted: 100, prefill: 640 })],
    ]);
    expect(state.points.at(-1)).toMatchObject({ generatedPerS: 50, promptPerS: 320 });
    expect(withTick(state, 6000).points.at(-1)).toMatchObject({ generatedPerS: 0, promptPerS: 0 });
  });

  it('do not jump when another engine process counts from nothing', () => {
    const state = stateAfter([
      [0, frame({ emitted: 900, prefill: 900 })],
      [1000, frame({ emitted: 1000, prefill: 1000 })],
      [1500, frame({ emitted: 0, prefill: 0 })],
      [2500, frame({ emitted: 20, prefill: 0 })],
    ]);
    const { generatedPerS, promptPerS } = state.points.at(-1) ?? {};
    expect(generatedPerS).toBeGreaterThanOrEqual(0);
    expect(generatedPerS).toBeLessThanOrEqual(20);
    expect(promptPerS).toBe(0);
  });

  it('keep a minute of points', () => {
    let state = stateAfter([[0, frame()]]);
    for (let second = 1; second <= 2 * WINDOW_S; second++) state = withTick(state, second * 1000);
    expect(state.points).toHaveLength(WINDOW_S);
  });

  it('stand still before the first frame', () => {
    expect(withTick(EMPTY_LIVE, 1000)).toBe(EMPTY_LIVE);
  });
});

describe('steps', () => {
  it('tell once where a sequence began with cached tokens', () => {
    const state = stateAfter([
      [0, frame({ steps: [step(1, [[1, 0, 64]])], sequences: [[1, 0, 100, 0, 64]] })],
      [
        100,
        frame({
          steps: [
            step(2, [
              [1, 0, -1],
              [2, 1, 36],
            ]),
            step(3, [[2, 1, -1]]),
          ],
          sequences: [
            [2, 1, 100, 64, 101],
            [1, 0, 100, 0, 101],
          ],
        }),
      ],
    ]);
    expect(state.steps.map(({ cachedBySlot }) => [...cachedBySlot])).toEqual([
      [[0, 0]],
      [[1, 64]],
      [],
    ]);
    expect(state.sequences.map(([id]) => id)).toEqual([1, 2]);
  });

  it('are kept in a bounded number, and so are the sequences seen', () => {
    let state = EMPTY_LIVE;
    for (let index = 0; index < 2000; index++) {
      state = withFrame(state, frame({ steps: [step(index, [[index, 0, 1]])] }), index);
    }
    expect(state.steps.length).toBeLessThanOrEqual(240);
    expect(state.seen.size).toBeLessThanOrEqual(240);
  });
});

describe('the prefix cache', () => {
  it('is counted from when the page was opened', () => {
    const state = stateAfter([
      [0, frame({ cached: 500, queried: 1000 })],
      [100, frame({ cached: 564, queried: 1100 })],
    ]);
    expect(state.cache).toEqual({ queried: 100, hit: 64 });
  });
});

describe('cellStates', () => {
  it('spells run lengths out', () => {
    expect(Array.from(cellStates('s1u2c1f3'))).toEqual([3, 2, 2, 1, 0, 0, 0]);
    expect(cellStates('')).toHaveLength(0);
  });
});

describe('median', () => {
  it.each([
    [[], null],
    [[3], 3],
    [[5, 1, 3], 3],
    [[4, 1, 3, 2], 2.5],
  ])('%j', (values, expected) => {
    expect(median(values)).toBe(expected);
  });
});
