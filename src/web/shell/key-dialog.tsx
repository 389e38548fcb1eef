/** Asks for the API key. It stays in this tab and goes nowhere but to this server. */
import { useEffect, useRef, useState } from 'preact/hooks';

type Props = {
  readonly apiKey: string;
  readonly onSave: (key: string) => void;
  readonly onClose: () => void;
};

export function KeyDialog({ apiKey, onSave, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [key, setKey] = useState(apiKey);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const save = (event: Event) => {
    event.preventDefault();
    onSave(key.trim());
    onClose();
  };
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="key-title">
      <form onSubmit={save}>
        <h2 id="key-title">API key</h2>
        <p>This server asks for a key. It is kept for this tab only.</p>
        <label>
          Key
          <input
            type="password"
            value={key}
            autocomplete="off"
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </label>
        <div class="row end">
          <button type="button" class="quiet" onClick={onClose}>
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
