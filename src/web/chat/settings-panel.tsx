/** Every parameter of the request, kept over reloads. */
import { useState } from 'preact/hooks';
import { Tabs } from '../shell/tabs.tsx';
import { Field, LongText, Slider, Switch } from './fields.tsx';
import { JsonTab, SCHEMA_EXAMPLE, TOOLS_EXAMPLE } from './json-tab.tsx';
import { DEFAULT_PARAMETERS, type Parameters } from './request-body.ts';

type Props = {
  readonly parameters: Parameters;
  readonly onChange: (next: Parameters) => void;
  readonly onClose: () => void;
};

const TABS = ['Sampling', 'System', 'Tools', 'Schema'] as const;

export function SettingsPanel({ parameters, onChange, onClose }: Props) {
  const [tab, setTab] = useState<(typeof TABS)[number]>('Sampling');
  const set = (change: Partial<Parameters>) => onChange({ ...parameters, ...change });
  return (
    <aside class="settings" aria-label="Settings">
      <Tabs name="settings" label="Settings" tabs={TABS} selected={tab} onSelect={setTab}>
        {tab === 'Sampling' && <Sampling parameters={parameters} set={set} />}
        {tab === 'System' && (
          <LongText
            label="System prompt"
            rows={12}
            value={parameters.system}
            onInput={(system) => set({ system })}
          />
        )}
        {tab === 'Tools' && (
          <JsonTab
            field="Tools"
            label="Functions the model may call, as the API takes them"
            value={parameters.tools}
            example={TOOLS_EXAMPLE}
            onInput={(tools) => set({ tools })}
          />
        )}
        {tab === 'Schema' && (
          <JsonTab
            field="Schema"
            label="JSON schema that the answer has to follow"
            value={parameters.schema}
            example={SCHEMA_EXAMPLE}
            onInput={(schema) => set({ schema })}
          />
        )}
      </Tabs>
      <div class="row end">
        <button type="button" class="quiet" onClick={() => onChange(DEFAULT_PARAMETERS)}>
          Reset all
        </button>
        <button type="button" onClick={onClose}>
          Close
        </button>
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
      <Field label="Seed">
        <input
          inputMode="numeric"
          placeholder="a new one each time"
          value={parameters.seed}
          onInput={(event) => set({ seed: event.currentTarget.value.replace(/\D/g, '') })}
        />
      </Field>
      <LongText
        label="Stop strings, one a line"
        rows={2}
        value={parameters.stop}
        onInput={(stop) => set({ stop })}
      />
      <Switch
        label="Thinking"
        note="Let a model that can do so think first."
        value={parameters.thinking}
        onInput={(thinking) => set({ thinking })}
      />
      <Switch
        label="Token probabilities"
        note="Colour each token by how sure the model was; point at it for the alternatives."
        value={parameters.probabilities}
        onInput={(probabilities) => set({ probabilities })}
      />
    </>
  );
}
