/** Every KV block as a square: free, cached, used, shared. */
import { useCallback } from 'preact/hooks';
import type { LiveBlocks } from '../api/live-frame.ts';
import { useColors } from './colors.ts';
import { BLOCK_STATES, cellStates } from './live-state.ts';
import { type Draw, Picture } from './picture.tsx';

const HEIGHT_MAX = 220;
const CELL_PIXELS_MAX = 16;
const CELL_PIXELS_MIN = 5;
/** Free cells at the end are left out, but for these: a large pool is mostly empty. */
const CELLS_MIN = 512;
const SPARE_CELLS = 128;

/** Colours by the code of the state. */
const STATE_COLORS = ['free', 'cached', 'decode', 'shared'] as const;

export function BlockMap({ blocks }: { readonly blocks: LiveBlocks }) {
  const colors = useColors();
  const { cells } = blocks;
  const draw: Draw = useCallback(
    (context, width) => {
      const states = shownCells(cells);
      const size = cellPixels(states.length, width);
      const columns = Math.floor(width / size);
      for (const [index, state] of states.entries()) {
        context.fillStyle = colors(STATE_COLORS[state] ?? 'free');
        const x = (index % columns) * size;
        const y = Math.floor(index / columns) * size;
        context.beginPath();
        context.roundRect(x, y, size - 2, size - 2, size / 6);
        context.fill();
      }
    },
    [cells, colors],
  );
  const heightFor = (width: number) => {
    const count = shownCells(cells).length;
    const size = cellPixels(count, width);
    return Math.ceil(count / Math.max(1, Math.floor(width / size))) * size;
  };
  const words = BLOCK_STATES.map((state, index) => `${blocks.counts[index] ?? 0} ${state}`);
  const left = (cellStates(cells).length - shownCells(cells).length) * blocks.perCell;
  return (
    <>
      <Picture label={`KV blocks: ${words.join(', ')}`} heightFor={heightFor} draw={draw} />
      {left > 0 && <p class="readout">and {left} more free blocks</p>}
    </>
  );
}

function shownCells(cells: string): Uint8Array {
  const states = cellStates(cells);
  const last = states.findLastIndex((state) => state !== 0);
  return states.subarray(0, Math.max(CELLS_MIN, last + 1 + SPARE_CELLS));
}

/** The largest squares that fit. */
function cellPixels(count: number, width: number): number {
  const fitting = Math.floor(Math.sqrt((width * HEIGHT_MAX) / Math.max(1, count)));
  return Math.max(CELL_PIXELS_MIN, Math.min(CELL_PIXELS_MAX, fitting));
}
