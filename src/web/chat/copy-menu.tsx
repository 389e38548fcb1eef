/** Copies the request as a program. */
import { useState } from 'preact/hooks';
import { asCode, type CodeLanguage } from './request-body.ts';

const LANGUAGES: readonly CodeLanguage[] = ['curl', 'Python', 'TypeScript'];
const SHOWN_MS = 1500;

export function CopyMenu({ makeBody }: { readonly makeBody: () => Record<string, unknown> }) {
  const [note, setNote] = useState('');
  const copy = async (language: CodeLanguage) => {
    try {
      const origin = new URL('.', location.href).href.replace(/\/$/, '');
      await navigator.clipboard.writeText(asCode(language, makeBody(), origin));
      setNote(`${language} copied`);
    } catch (error) {
      setNote(error instanceof SyntaxError ? error.message : 'the browser refused to copy');
    }
    setTimeout(() => setNote(''), SHOWN_MS);
  };
  return (
    <>
      <select
        class="quiet"
        aria-label="Copy the request as code"
        value=""
        onChange={(event) => {
          const language = LANGUAGES.find((name) => name === event.currentTarget.value);
          event.currentTarget.value = '';
          if (language !== undefined) copy(language).catch(() => undefined);
        }}
      >
        <option value="" disabled>
          Copy as
        </option>
        {LANGUAGES.map((language) => (
          <option key={language} value={language}>
            {language}
          </option>
        ))}
      </select>
      <span class="note" role="status">
        {note}
      </span>
    </>
  );
}
