/** A canvas as wide as its place, drawn in CSS pixels and sharp on every screen. */
import { useEffect, useRef, useState } from 'preact/hooks';

export type Draw = (context: CanvasRenderingContext2D, width: number) => void;

type Props = {
  /** In words, for those who cannot see it. */
  readonly label: string;
  /** CSS pixels for a width. */
  readonly heightFor: (width: number) => number;
  readonly draw: Draw;
  readonly onPoint?: (x: number | null) => void;
};

export function Picture({ label, heightFor, draw, onPoint }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const { current } = canvas;
    if (current === null) return;
    const observer = new ResizeObserver(() => setWidth(current.clientWidth));
    observer.observe(current);
    return () => observer.disconnect();
  }, []);
  const height = heightFor(width);
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context || width === 0) return;
    const scale = devicePixelRatio;
    context.canvas.width = Math.round(width * scale);
    context.canvas.height = Math.round(height * scale);
    context.scale(scale, scale);
    draw(context, width);
  }, [draw, width, height]);
  return (
    <canvas
      ref={canvas}
      role="img"
      aria-label={label}
      style={{ height: `${height}px` }}
      onPointerMove={(event) => onPoint?.(event.offsetX)}
      onPointerLeave={() => onPoint?.(null)}
    />
  );
}
