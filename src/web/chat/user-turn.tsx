/** What the user said, with a way to say it differently. */
import { useEffect, useRef, useState } from 'preact/hooks';

type Props = {
  readonly kind: 'user' | 'toolResult';
  readonly text: string;
  /** Null while nothing can be asked. */
  readonly onEdit: ((text: string) => void) | null;
};

export function UserTurn({ kind, text, onEdit }: Props) {
  const [editing, setEditing] = useState(false);
  if (editing && onEdit !== null) {
    return (
      <EditForm
        text={text}
        onCancel={() => setEditing(false)}
        onSave={(changed) => {
          setEditing(false);
          onEdit(changed);
        }}
      />
    );
  }
  return (
    <article class={`turn ${kind}`} aria-label={kind === 'user' ? 'You' : 'Tool result'}>
      <div class="bubble">{text}</div>
      {onEdit !== null && (
        <button type="button" class="small" onClick={() => setEditing(true)}>
          Edit
        </button>
      )}
    </article>
  );
}

type EditProps = {
  readonly text: string;
  readonly onCancel: () => void;
  readonly onSave: (text: string) => void;
};

function EditForm({ text, onCancel, onSave }: EditProps) {
  const [draft, setDraft] = useState(text);
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current?.focus(), []);
  const save = () => {
    if (draft.trim() !== '') onSave(draft);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape') onCancel();
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    save();
  };
  return (
    <form
      class="turn edit"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <textarea
        ref={field}
        value={draft}
        aria-label="Edit your message"
        onInput={(event) => setDraft(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <div class="row end">
        <button type="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" class="primary">
          Send again
        </button>
      </div>
    </form>
  );
}
