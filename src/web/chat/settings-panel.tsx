/** Every parameter of the request, kept over reloads. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Parameters } from './request-body.ts';

type Props = { readonly parameters: Parameters; readonly onChange: (next: Parameters) => void };

const TABS = ['Sampling', 'System', 'Tools', 'Schema'] as const;

export function SettingsPanel({ parameters, onChange }: Props) {
  const [tab, setTab] = useState<(typeof TABS)[number]>('Sampling');
  const set = (change: Partial<Parameters>) => onChange({ ...parameters, ...change });
  return (
    <aside class="settings" aria-label="Settings">
      <div class="tabs" role="tablist">
        {TABS.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${name}`}
            aria-controls="settings-tab"
            aria-selected={tab === name}
            onClick={() => setTab(name)}
          >
            {name}
          </button>
        ))}
      </div>
      <div role="tabpanel" id="settings-tab" aria-labelledby={`tab-${tab}`}>
        {tab === 'Sampling' && <Sampling parameters={parameters} set={set} />}
        {tab === 'System' && (
          <LongText
            label="System prompt"
            value={parameters.system}
            onInput={(system) => set({ system })}
          />
        )}
        {tab === 'Tools' && (
          <LongText
            label="Tools, as JSON"
            value={parameters.tools}
            onInput={(tools) => set({ tools })}
          />
        )}
        {tab === 'Schema' && (
          <LongText
            label="JSON schema of the answer"
            value={parameters.schema}
            onInput={(schema) => set({ schema })}
          />
        )}
      </div>
    </aside>
  );
}

type SamplingProps = {
  readonly parameters: Parameters;
  readonly set: (change: Partial<Parameters>) => void;
};

function Sampling({ parameters, set }: SamplingProps) {
  return (
    <>
      <Slider
        label="Temperature"
        value={parameters.temperature}
        max={2}
        onInput={(temperature) => set({ temperature })}
      />
      <Slider label="Top p" value={parameters.topP} max={1} onInput={(topP) => set({ topP })} />
      <Field label="Most tokens">
        <input
          type="number"
          min={1}
          value={parameters.maxTokens}
          onInput={(event) =>
            set({ maxTokens: Math.max(1, event.currentTarget.valueAsNumber || 1) })
          }
        />
      </Field>
      <Field label="Seed (empty: a new one each time)">
        <input
          inputMode="numeric"
          value={parameters.seed}
          onInput={(event) => set({ seed: event.currentTarget.value.replace(/\D/g, '') })}
        />
      </Field>
      <LongText
        label="Stop strings, one a line"
        value={parameters.stop}
        onInput={(stop) => set({ stop })}
      />
      <Switch
        label="Thinking"
        value={parameters.thinking}
        onInput={(thinking) => set({ thinking })}
      />
      <Switch
        label="Token probabilities"
        value={parameters.probabilities}
        onInput={(probabilities) => set({ probabilities })}
      />
    </>
  );
}

function Field({
  label,
  children,
}: {
  readonly label: string;
  readonly children: ComponentChildren;
}) {
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

function Slider({ label, value, max, onInput }: SliderProps) {
  return (
    <Field label={`${label}: ${value}`}>
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
  readonly onInput: (value: string) => void;
};

function LongText({ label, value, onInput }: TextProps) {
  return (
    <Field label={label}>
      <textarea
        rows={8}
        value={value}
        spellcheck={false}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </Field>
  );
}

type SwitchProps = {
  readonly label: string;
  readonly value: boolean;
  readonly onInput: (value: boolean) => void;
};

function Switch({ label, value, onInput }: SwitchProps) {
  return (
    <label class="switch">
      <input
        type="checkbox"
        checked={value}
        onInput={(event) => onInput(event.currentTarget.checked)}
      />
      <span>{label}</span>
    </label>
  );
}
