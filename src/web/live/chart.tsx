/** A line chart over the last minute. */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { type ColorName, type Colors, useColors } from './colors.ts';
import { type Point, WINDOW_S } from './live-state.ts';

const HEIGHT = 140;
const AXIS_FONT = '11px Inter, system-ui, sans-serif';

export type Series = {
  readonly name: string;
  readonly color: ColorName;
  readonly value: (point: Point) => number | null;
  /** Single measurements, which no line joins. */
  readonly dots?: boolean;
};

type Props = {
  readonly label: string;
  readonly points: readonly Point[];
  readonly series: readonly Series[];
};

export function Chart({ label, points, series }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const colors = useColors();
  useEffect(() => {
    const { current } = box;
    if (current === null) return;
    const made = new uPlot(options(series, colors, current.clientWidth), undefined, current);
    plot.current = made;
    const observer = new ResizeObserver(() => {
      made.setSize({ width: current.clientWidth, height: HEIGHT });
    });
    observer.observe(current);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [series, colors]);
  useEffect(() => {
    const lastS = points.at(-1)?.atS ?? 0;
    const data = [
      points.map(({ atS }) => atS - lastS),
      ...series.map(({ value }) => points.map(value)),
    ];
    plot.current?.setData(data as uPlot.AlignedData);
  }, [points, series, colors]);
  return <div class="chart" ref={box} role="img" aria-label={label} />;
}

function options(series: readonly Series[], colors: Colors, width: number): uPlot.Options {
  const axis = {
    stroke: colors('soft'),
    font: AXIS_FONT,
    grid: { stroke: colors('line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    cursor: { show: false },
    legend: { show: false },
    padding: [8, 18, 0, 0],
    scales: {
      x: { time: false, range: [-WINDOW_S, 0] },
      y: { range: (_plot, _min, max) => [0, Math.max(4, (max ?? 0) * 1.1)] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 24,
        values: (_plot, values) => values.map((s) => (s === 0 ? 'now' : `${-s} s ago`)),
        space: 90,
      },
      { ...axis, size: 44, space: 34 },
    ],
    series: [
      {},
      ...series.map(({ color, dots = false }) => ({
        stroke: colors(color),
        width: dots ? 0 : 2,
        points: { show: dots, size: 7, fill: colors(color) },
        spanGaps: !dots,
      })),
    ],
  };
}
