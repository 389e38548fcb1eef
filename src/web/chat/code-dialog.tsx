/** The request as a program, to read and to copy. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { Tabs } from '../shell/tabs.tsx';
import { asCode, CODE_LANGUAGES, type CodeLanguage } from './code-samples.ts';
import { type Turn, toMessages } from './conversation.ts';
import { type Parameters, requestBody } from './request-body.ts';

type Props = {
  readonly parameters: Parameters;
  readonly turns: readonly Turn[];
  readonly onClose: () => void;
};

export function CodeDialog({ parameters, turns, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [language, setLanguage] = useState<CodeLanguage>('curl');
  const [note, setNote] = useState('');
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const code = codeOf(language, parameters, turns);
  const copy = () => {
    // Browsers offer the clipboard on secure addresses only; the text can always be selected.
    const copied = navigator.clipboard?.writeText(code) ?? Promise.reject();
    copied.then(
      () => setNote('Copied'),
      () => setNote('The browser refused: select the text instead'),
    );
  };
  return (
    <dialog ref={dialog} class="wide" onClose={onClose} aria-labelledby="code-title">
      <h2 id="code-title">This request as a program</h2>
      <Tabs
        name="code"
        label="Language"
        tabs={CODE_LANGUAGES}
        selected={language}
        onSelect={(next) => {
          setLanguage(next);
          setNote('');
        }}
      >
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached with the keyboard */}
        <pre class="code" tabIndex={0}>
          {code}
        </pre>
      </Tabs>
      <div class="row end">
        <span class="note" role="status">
          {note}
        </span>
        <button type="button" onClick={onClose}>
          Close
        </button>
        <button type="button" class="primary" onClick={copy}>
          Copy
        </button>
      </div>
    </dialog>
  );
}

function codeOf(language: CodeLanguage, parameters: Parameters, turns: readonly Turn[]): string {
  const asked = turns.slice(0, turns.findLastIndex(({ kind }) => kind !== 'answer') + 1);
  const question: readonly Turn[] = asked.length > 0 ? asked : [{ kind: 'user', text: 'Hello' }];
  const origin = new URL('.', location.href).href.replace(/\/$/, '');
  try {
    return asCode(
      language,
      requestBody(parameters, toMessages(parameters.system, question)),
      origin,
    );
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
