/** Light, dark, or as the system has it. */
import { useEffect } from 'preact/hooks';
import { useStored } from './stored.ts';

const THEMES = ['auto', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];

export function ThemeButton() {
  const [theme, setTheme] = useStored<Theme>('etap.theme', 'auto');
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'auto';
  return (
    <button
      type="button"
      class="quiet"
      aria-label={`Theme: ${theme}`}
      onClick={() => setTheme(next)}
    >
      {theme === 'auto' ? 'Auto' : theme === 'light' ? 'Light' : 'Dark'}
    </button>
  );
}
