/** Light, dark, or as the system has it. */
import { useEffect } from 'preact/hooks';
import { useStored } from './stored.ts';

const THEMES = ['auto', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];

const LABELS: Readonly<Record<Theme, string>> = { auto: 'Auto', light: 'Light', dark: 'Dark' };

/** Half a disc, a sun, a moon. */
const SIGNS: Readonly<Record<Theme, string>> = {
  auto: 'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm0 1.5v11a5.5 5.5 0 0 1 0-11Z',
  light:
    'M8 4.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7ZM7.3 0h1.4v3H7.3ZM7.3 13h1.4v3H7.3ZM0 7.3h3v1.4H0ZM13 7.3h3v1.4h-3ZM2 3l1-1 2 2-1 1ZM11 12l1-1 2 2-1 1ZM3 14l-1-1 2-2 1 1ZM12 5l-1-1 2-2 1 1Z',
  dark: 'M6 1.2A7 7 0 1 0 14.8 10 6 6 0 0 1 6 1.2Z',
};

export function ThemeButton() {
  const [theme, setTheme] = useStored<Theme>('etap.theme', 'auto');
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'auto';
  return (
    <button
      type="button"
      class="quiet icon"
      aria-label={`Theme: ${LABELS[theme]}. Change to ${LABELS[next]}`}
      onClick={() => setTheme(next)}
    >
      <svg viewBox="0 0 16 16" width="16" height="16" fill="currentColor" aria-hidden="true">
        <path d={SIGNS[theme]} />
      </svg>
    </button>
  );
}
