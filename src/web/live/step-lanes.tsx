/** Each step's batch: a column a step, a lane a slot. One sees sequences come and go in the batch. */
import { useCallback, useState } from 'preact/hooks';
import { type Colors, useColors } from './colors.ts';
import type { ShownStep } from './live-state.ts';
import { type Draw, Picture } from './picture.tsx';

const COLUMN_PIXELS = 8;
const GAP_PIXELS = 1;
const BARS_PIXELS = 56;
const BARS_GAP_PIXELS = 8;
const LANES_PIXELS = 208;
const LANE_PIXELS_MAX = 16;
const LANES_MIN = 8;
const LANE_PIXELS_MIN = 2;
/** A prefill of this many tokens has the full colour. */
const FULL_PREFILL_TOKENS = 64;

type Props = { readonly steps: readonly ShownStep[]; readonly slots: number };

export function StepLanes({ steps, slots }: Props) {
  const colors = useColors();
  const [pointed, setPointed] = useState<number | null>(null);
  const [columns, setColumns] = useState(0);
  const lanes = laneCount(steps, slots);
  const draw: Draw = useCallback(
    (context, width) => {
      const count = Math.floor(width / COLUMN_PIXELS);
      setColumns(count);
      drawSteps(context, { steps: steps.slice(-count), lanes, width, colors, pointed });
    },
    [steps, lanes, colors, pointed],
  );
  const shown = steps.slice(-columns);
  const step = pointed === null ? shown.at(-1) : shown[pointed];
  return (
    <>
      <Picture
        label={`Batches of the last ${shown.length} steps. ${inWords(shown.at(-1))}`}
        heightFor={() => BARS_PIXELS + BARS_GAP_PIXELS + lanes * lanePixels(lanes)}
        draw={draw}
        onPoint={(x) => setPointed(x === null ? null : Math.floor(x / COLUMN_PIXELS))}
      />
      <p class="readout">{inWords(step)}</p>
    </>
  );
}

function inWords(step: ShownStep | undefined): string {
  if (step === undefined) return 'No step was computed yet.';
  const cached = [...step.cachedBySlot.values()].reduce((sum, tokens) => sum + tokens, 0);
  const parts = [
    `${step.rows.length} sequences`,
    `${step.decode} decode tokens`,
    `${step.prefill} prefill tokens`,
    ...(cached > 0 ? [`${cached} tokens found in the cache`] : []),
  ];
  return `Step ${step.step}, ${step.ms.toFixed(1)} ms: ${parts.join(', ')}.`;
}

/** Lanes for the slots in use, so that a large engine does not show hundreds of empty ones. */
function laneCount(steps: readonly ShownStep[], slots: number): number {
  const used = steps.flatMap(({ rows }) => rows.map(([, slot]) => slot + 1));
  const most = used.reduce((left, right) => Math.max(left, right), 0);
  return Math.max(LANES_MIN, Math.min(slots, most), most);
}

const lanePixels = (lanes: number): number =>
  Math.max(LANE_PIXELS_MIN, Math.min(LANE_PIXELS_MAX, Math.floor(LANES_PIXELS / lanes)));

type Scene = {
  readonly steps: readonly ShownStep[];
  readonly lanes: number;
  readonly width: number;
  readonly colors: Colors;
  readonly pointed: number | null;
};

function drawSteps(context: CanvasRenderingContext2D, scene: Scene): void {
  const { steps, lanes, width, colors, pointed } = scene;
  const pixels = lanePixels(lanes);
  const top = BARS_PIXELS + BARS_GAP_PIXELS;
  context.fillStyle = colors('grid');
  for (let lane = 0; lane < lanes; lane += 2) {
    context.fillRect(0, top + lane * pixels, width, pixels);
  }
  const most = Math.max(16, ...steps.map(({ decode, prefill }) => decode + prefill));
  for (const [column, step] of steps.entries()) {
    const x = column * COLUMN_PIXELS;
    if (column === pointed) {
      context.fillStyle = colors('line');
      context.fillRect(x - GAP_PIXELS, 0, COLUMN_PIXELS + GAP_PIXELS, top + lanes * pixels);
    }
    drawBar(context, step, { x, most, colors });
    drawRows(context, step, { x, top, pixels, colors });
  }
}

function drawBar(
  context: CanvasRenderingContext2D,
  { decode, prefill }: ShownStep,
  { x, most, colors }: { readonly x: number; readonly most: number; readonly colors: Colors },
): void {
  // By the root, so that a decode of few tokens is still seen beside a large prefill.
  const heightOf = (tokens: number) => Math.sqrt(tokens / most) * BARS_PIXELS;
  const whole = heightOf(decode + prefill);
  const decodeHeight = whole * (decode / Math.max(1, decode + prefill));
  context.fillStyle = colors('decode');
  context.fillRect(x, BARS_PIXELS - decodeHeight, COLUMN_PIXELS - GAP_PIXELS, decodeHeight);
  context.fillStyle = colors('prefill');
  context.fillRect(x, BARS_PIXELS - whole, COLUMN_PIXELS - GAP_PIXELS, whole - decodeHeight);
}

type Place = {
  readonly x: number;
  readonly top: number;
  readonly pixels: number;
  readonly colors: Colors;
};

function drawRows(
  context: CanvasRenderingContext2D,
  step: ShownStep,
  { x, top, pixels, colors }: Place,
): void {
  const height = Math.max(1, pixels - 2);
  for (const [, slot, tokens] of step.rows) {
    const y = top + slot * pixels + 1;
    context.globalAlpha = tokens < 0 ? 1 : 0.45 + 0.55 * Math.min(1, tokens / FULL_PREFILL_TOKENS);
    context.fillStyle = colors(tokens < 0 ? 'decode' : 'prefill');
    context.fillRect(x, y, COLUMN_PIXELS - GAP_PIXELS, height);
    context.globalAlpha = 1;
    if ((step.cachedBySlot.get(slot) ?? 0) === 0) continue;
    context.fillStyle = colors('shared');
    context.fillRect(x, y, COLUMN_PIXELS / 2 - GAP_PIXELS, height);
  }
}
