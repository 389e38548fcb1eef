/** Asks for the API key. It stays in this tab and goes nowhere but to this server. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Server } from './use-server.ts';

const REASONS = {
  asked: 'This server asks for a key.',
  refused: 'The server does not know this key.',
  changing: 'Needed only where the server asks for one.',
} as const;

type Props = { readonly server: Server; readonly reason: keyof typeof REASONS };

export function KeyDialog({ server, reason }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [key, setKey] = useState(server.apiKey);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const save = (event: Event) => {
    event.preventDefault();
    server.closeKeyDialog();
    // The same key again is worth a try: the server may have learned it.
    if (key.trim() === server.apiKey) server.connect();
    else server.setApiKey(key.trim());
  };
  return (
    <dialog ref={dialog} onClose={server.closeKeyDialog} aria-labelledby="key-title">
      <form onSubmit={save}>
        <h2 id="key-title">API key</h2>
        <p id="key-reason" class={reason === 'refused' ? 'bad' : undefined}>
          {REASONS[reason]}
        </p>
        <label class="field">
          <span>Key</span>
          <input
            type="password"
            value={key}
            autocomplete="off"
            aria-describedby="key-reason"
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </label>
        <p class="note">Kept for this tab only, and sent to this server alone.</p>
        <div class="row end">
          <button type="button" onClick={server.closeKeyDialog}>
            Cancel
          </button>
          <button type="submit" class="primary">
            Use key
          </button>
        </div>
      </form>
    </dialog>
  );
}
