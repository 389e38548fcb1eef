/** Tabs as the ARIA pattern has them: one stop for Tab, arrow keys between them. */
import type { ComponentChildren } from 'preact';

type Props<Name extends string> = {
  /** Prefix of the ids. */
  readonly name: string;
  readonly label: string;
  readonly tabs: readonly Name[];
  readonly selected: Name;
  readonly onSelect: (tab: Name) => void;
  readonly children: ComponentChildren;
};

export function Tabs<Name extends string>(props: Props<Name>) {
  const { name, label, tabs, selected, onSelect, children } = props;
  const onKeyDown = (event: KeyboardEvent & { readonly currentTarget: HTMLElement }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const index = (tabs.indexOf(selected) + step + tabs.length) % tabs.length;
    const next = tabs[index];
    if (next === undefined) return;
    onSelect(next);
    const button = event.currentTarget.children[index];
    if (button instanceof HTMLElement) button.focus();
  };
  return (
    <>
      <div class="tabs" role="tablist" aria-label={label} onKeyDown={onKeyDown}>
        {tabs.map((tab) => (
          <button
            key={tab}
            type="button"
            role="tab"
            id={`${name}-${tab}`}
            aria-controls={`${name}-panel`}
            aria-selected={tab === selected}
            tabIndex={tab === selected ? 0 : -1}
            onClick={() => onSelect(tab)}
          >
            {tab}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${name}-panel`} aria-labelledby={`${name}-${selected}`}>
        {children}
      </div>
    </>
  );
}
