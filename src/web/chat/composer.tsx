/** Where the user writes: Enter sends, Shift+Enter breaks the line, Escape stops. */
import { useState } from 'preact/hooks';
import type { Chat } from './use-chat.ts';

type Props = {
  readonly chat: Chat;
  readonly canAsk: boolean;
  readonly label: string;
  readonly showSettings: boolean;
  readonly onSend: (text: string) => void;
  readonly onToggleSettings: () => void;
  readonly onShowCode: () => void;
};

export function Composer(props: Props) {
  const { chat, canAsk, label, onSend } = props;
  const [text, setText] = useState('');
  const canSend = text.trim() !== '' && !chat.streaming && canAsk;
  const send = () => {
    if (!canSend) return;
    onSend(text);
    setText('');
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape') chat.stop();
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        rows={1}
        value={text}
        placeholder={label}
        aria-label={label}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <div class="row">
        <button
          type="button"
          class="quiet"
          aria-expanded={props.showSettings}
          onClick={props.onToggleSettings}
        >
          Settings
        </button>
        <button type="button" class="quiet" onClick={props.onShowCode}>
          Code
        </button>
        {chat.turns.length > 0 && (
          <button type="button" class="quiet" onClick={chat.clear}>
            New chat
          </button>
        )}
        <span class="space" />
        {chat.streaming ? (
          <button type="button" class="primary" onClick={chat.stop}>
            Stop
          </button>
        ) : (
          <button type="submit" class="primary" disabled={!canSend}>
            Send
          </button>
        )}
      </div>
    </form>
  );
}
