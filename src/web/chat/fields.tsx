/** The controls of the settings. */
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

type FieldProps = { readonly label: ComponentChildren; readonly children: ComponentChildren };

export function Field({ label, children }: FieldProps) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is the child
    <label class="field">
      <span>{label}</span>
      {children}
    </label>
  );
}

type SliderProps = {
  readonly label: string;
  readonly value: number;
  readonly max: number;
  readonly onInput: (value: number) => void;
};

export function Slider({ label, value, max, onInput }: SliderProps) {
  const name = (
    <>
      {/* No output element: the label would be its label, not that of the slider. */}
      {label} <b>{value.toFixed(2)}</b>
    </>
  );
  return (
    <Field label={name}>
      <input
        type="range"
        min={0}
        max={max}
        step={0.05}
        value={value}
        onInput={(event) => onInput(event.currentTarget.valueAsNumber)}
      />
    </Field>
  );
}

type TextProps = {
  readonly label: string;
  readonly value: string;
  readonly rows: number;
  /** What is wrong with the text; null when nothing is. */
  readonly problem?: string | null;
  readonly onInput: (value: string) => void;
};

export function LongText({ label, value, rows, problem = null, onInput }: TextProps) {
  const problemId = useId();
  return (
    <>
      <Field label={label}>
        <textarea
          rows={rows}
          value={value}
          spellcheck={false}
          aria-invalid={problem !== null}
          aria-describedby={problemId}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      </Field>
      <p class="note bad" id={problemId}>
        {problem}
      </p>
    </>
  );
}

type SwitchProps = {
  readonly label: string;
  readonly note: string;
  readonly value: boolean;
  readonly onInput: (value: boolean) => void;
};

export function Switch({ label, note, value, onInput }: SwitchProps) {
  return (
    <label class="switch">
      <input
        type="checkbox"
        checked={value}
        onInput={(event) => onInput(event.currentTarget.checked)}
      />
      <span>
        {label}
        <small>{note}</small>
      </span>
    </label>
  );
}
