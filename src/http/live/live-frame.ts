/** One event of the live feed: what the engine does now, as the page reads it. docs/playground.md */
import type { EngineClient, LivePicture } from '../../engine/index.ts';

/** Letters of the block states in the order of their codes. */
const BLOCK_LETTERS = 'fcus';

type Engine = Pick<EngineClient, 'state' | 'info' | 'stats'>;

/** The frame as JSON; without a picture it tells of the state alone. */
export function liveFrame(engine: Engine, picture: LivePicture | null, atMs: number): string {
  const { info, stats } = engine;
  return JSON.stringify({
    atMs: Math.round(atMs),
    state: engine.state,
    slots: info?.slotCount ?? 0,
    blockTokens: info?.blockSize ?? 0,
    running: stats?.runningCount ?? 0,
    waiting: stats?.waitingCount ?? 0,
    blocked: stats?.blockedReason ?? 'none',
    totals: {
      prefillTokens: stats?.prefillTokens ?? 0,
      cachedTokens: stats?.prefixHitTokens ?? 0,
      queriedTokens: stats?.prefixQueriedTokens ?? 0,
      preemptions: stats?.preemptionCount ?? 0,
    },
    ...(picture !== null && { picture: pictureBody(picture) }),
  });
}

function pictureBody({ steps, sequences, firstTokenMs, blocks, emittedTokenCount }: LivePicture) {
  return {
    emittedTokens: emittedTokenCount,
    firstTokenMs: Array.from(firstTokenMs, tenths),
    steps: steps.map(({ stepIndex, stepMs, decodeTokenCount, prefillTokenCount, rows }) => ({
      step: stepIndex,
      ms: tenths(stepMs),
      decode: decodeTokenCount,
      prefill: prefillTokenCount,
      rows: inRows(rows, 3),
    })),
    sequences: inRows(sequences, 5),
    blocks: {
      perCell: blocks.blocksPerCell,
      counts: Array.from(blocks.counts),
      cells: runLengths(blocks.cells),
    },
  };
}

const tenths = (value: number): number => Math.round(value * 10) / 10;

function inRows(flat: Int32Array, width: number): number[][] {
  return Array.from({ length: flat.length / width }, (_, row) =>
    Array.from(flat.subarray(row * width, (row + 1) * width)),
  );
}

/** `f12u3`: twelve free cells, then three used ones. */
export function runLengths(cells: Uint8Array): string {
  let text = '';
  for (let start = 0; start < cells.length; ) {
    let end = start + 1;
    while (end < cells.length && cells[end] === cells[start]) end++;
    text += `${BLOCK_LETTERS[cells[start] as number]}${end - start}`;
    start = end;
  }
  return text;
}
