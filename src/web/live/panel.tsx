/** A titled part of the live page with one sentence that says what one sees. */
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

export type LegendEntry = {
  readonly name: string;
  readonly color: string;
  readonly value?: string;
};

type Props = {
  readonly title: string;
  readonly explanation: string;
  readonly legend?: readonly LegendEntry[];
  /** Columns of the grid that it takes. */
  readonly width?: 'single' | 'double' | 'full';
  readonly children: ComponentChildren;
};

export function Panel({ title, explanation, legend = [], width = 'single', children }: Props) {
  const id = useId();
  return (
    <section class={`panel ${width}`} aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <p class="explanation">{explanation}</p>
      {legend.length > 0 && (
        <ul class="legend">
          {legend.map(({ name, color, value }) => (
            <li key={name}>
              <i class={`key ${color}`} aria-hidden="true" />
              {name}
              {value !== undefined && <b>{value}</b>}
            </li>
          ))}
        </ul>
      )}
      {children}
    </section>
  );
}
