/** Where the user writes: Enter sends, Shift+Enter breaks the line, Escape stops. */
import { useState } from 'preact/hooks';
import { toMessages } from './conversation.ts';
import { CopyMenu } from './copy-menu.tsx';
import { type Parameters, requestBody } from './request-body.ts';
import type { Chat } from './use-chat.ts';

type Props = {
  readonly chat: Chat;
  readonly parameters: Parameters;
  readonly placeholder: string;
  readonly onSend: (text: string) => void;
  readonly onToggleSettings: () => void;
};

export function Composer({ chat, parameters, placeholder, onSend, onToggleSettings }: Props) {
  const [text, setText] = useState('');
  const canSend = text.trim() !== '' && !chat.streaming && parameters.model !== '';
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
  const turns = chat.turns.filter(
    (turn, index) => index < chat.turns.length - 1 || turn.kind !== 'answer',
  );
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        rows={2}
        value={text}
        placeholder={placeholder}
        aria-label={placeholder}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <div class="row">
        <button type="button" class="quiet" onClick={onToggleSettings}>
          Settings
        </button>
        <CopyMenu makeBody={() => requestBody(parameters, toMessages(parameters.system, turns))} />
        <span class="space" />
        {chat.turns.length > 0 && !chat.streaming && (
          <>
            <button type="button" class="quiet" onClick={chat.clear}>
              Clear
            </button>
            <button type="button" class="quiet" onClick={chat.retry}>
              Again
            </button>
          </>
        )}
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
