/** Colours of canvases: those of the style sheet, read anew when the theme changes. */
import { useEffect, useState } from 'preact/hooks';

export type ColorName =
  | 'text'
  | 'soft'
  | 'line'
  | 'grid'
  | 'prefill'
  | 'decode'
  | 'cached'
  | 'shared'
  | 'waiting'
  | 'free';

export type Colors = (name: ColorName) => string;

/** Custom properties hold both themes; an element's colour holds the one that is shown. */
function currentColors(): Colors {
  const probe = document.createElement('i');
  document.body.append(probe);
  const known = new Map<ColorName, string>();
  const names: readonly ColorName[] = [
    ...(['text', 'soft', 'line', 'grid', 'prefill'] as const),
    ...(['decode', 'cached', 'shared', 'waiting', 'free'] as const),
  ];
  for (const name of names) {
    probe.style.color = `var(--${name})`;
    known.set(name, getComputedStyle(probe).color);
  }
  probe.remove();
  return (name) => known.get(name) ?? 'gray';
}

export function useColors(): Colors {
  const [colors, setColors] = useState<Colors>(() => currentColors());
  useEffect(() => {
    const update = () => setColors(() => currentColors());
    const system = matchMedia('(prefers-color-scheme: dark)');
    const chosen = new MutationObserver(update);
    chosen.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    system.addEventListener('change', update);
    return () => {
      chosen.disconnect();
      system.removeEventListener('change', update);
    };
  }, []);
  return colors;
}
