import { describe, expect, it } from 'vitest';
import type { LivePicture } from '../../../src/engine/index.ts';
import { liveFrame, runLengths } from '../../../src/http/live/live-frame.ts';
import { ScriptedEngine } from '../../support/scripted-engine.ts';

const PICTURE: LivePicture = {
  steps: [
    {
      stepIndex: 7,
      stepMs: 12.345,
      decodeTokenCount: 1,
      prefillTokenCount: 64,
      rows: Int32Array.of(1, 0, -1, 2, 1, 64),
    },
  ],
  sequences: Int32Array.of(1, 0, 100, 64, 103, 2, 1, 200, 0, 64),
  firstTokenMs: Float64Array.of(41.26),
  emittedTokenCount: 5,
  blocks: {
    cells: Uint8Array.of(3, 2, 2, 1, 0, 0),
    blocksPerCell: 1,
    counts: Int32Array.of(2, 1, 2, 1),
  },
};

describe('runLengths', () => {
  it.each([
    [[], ''],
    [[0], 'f1'],
    [[0, 0, 2, 2, 2, 1, 3], 'f2u3c1s1'],
  ])('%j', (cells, text) => {
    expect(runLengths(Uint8Array.from(cells))).toBe(text);
  });
});

describe('liveFrame', () => {
  it('says what the engine does without a word of what it says', () => {
    const frame = JSON.parse(liveFrame(new ScriptedEngine(), PICTURE, 1000.4));
    expect(frame).toMatchObject({ atMs: 1000, state: 'ready', running: 0, blockTokens: 64 });
    expect(frame.picture).toEqual({
      emittedTokens: 5,
      firstTokenMs: [41.3],
      steps: [
        {
          step: 7,
          ms: 12.3,
          decode: 1,
          prefill: 64,
          rows: [
            [1, 0, -1],
            [2, 1, 64],
          ],
        },
      ],
      sequences: [
        [1, 0, 100, 64, 103],
        [2, 1, 200, 0, 64],
      ],
      blocks: { perCell: 1, counts: [2, 1, 2, 1], cells: 's1u2c1f2' },
    });
  });

  it('tells the state alone where there is no picture', () => {
    const engine = new ScriptedEngine();
    engine.state = 'restarting';
    const frame = JSON.parse(liveFrame(engine, null, 0));
    expect(frame.state).toBe('restarting');
    expect(frame).not.toHaveProperty('picture');
  });
});
