/** The chat: conversation in the middle, composer below, settings beside. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { useStored } from '../shell/stored.ts';
import type { Server } from '../shell/use-server.ts';
import { AnswerView } from './answer-view.tsx';
import { CodeDialog } from './code-dialog.tsx';
import { Composer } from './composer.tsx';
import { type Turn, unansweredCall } from './conversation.ts';
import { DEFAULT_PARAMETERS, type Parameters } from './request-body.ts';
import { SettingsPanel } from './settings-panel.tsx';
import { type Chat, useChat } from './use-chat.ts';
import { UserTurn } from './user-turn.tsx';
import { Welcome } from './welcome.tsx';

/** The view follows the answer while it is this close to the end. */
const FOLLOW_PIXELS = 80;

export function ChatPage({ server }: { readonly server: Server }) {
  const [stored, setParameters] = useStored<Parameters>('etap.parameters', DEFAULT_PARAMETERS);
  const [showSettings, setShowSettings] = useState(false);
  const [showCode, setShowCode] = useState(false);
  const parameters = { ...stored, model: server.model?.id ?? '' };
  const chat = useChat({ parameters, server });
  const call = unansweredCall(chat.turns);
  const send = (text: string) =>
    chat.send(
      call === null ? { kind: 'user', text } : { kind: 'toolResult', callId: call.id, text },
    );
  return (
    <div class={showSettings ? 'chat with-settings' : 'chat'}>
      <section class="conversation" aria-label="Conversation">
        <Turns chat={chat} model={server.model?.id ?? null} onChoose={send} />
        <Composer
          chat={chat}
          canAsk={server.model !== null}
          label={call === null ? 'Your message' : `Result of ${call.function.name}`}
          showSettings={showSettings}
          onSend={send}
          onToggleSettings={() => setShowSettings(!showSettings)}
          onShowCode={() => setShowCode(true)}
        />
      </section>
      {showSettings && (
        <SettingsPanel
          parameters={stored}
          onChange={setParameters}
          onClose={() => setShowSettings(false)}
        />
      )}
      {showCode && (
        <CodeDialog parameters={parameters} turns={chat.turns} onClose={() => setShowCode(false)} />
      )}
      <Announcer turns={chat.turns} streaming={chat.streaming} />
    </div>
  );
}

type TurnsProps = {
  readonly chat: Chat;
  readonly model: string | null;
  readonly onChoose: (text: string) => void;
};

function Turns({ chat, model, onChoose }: TurnsProps) {
  const { turns, streaming } = chat;
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const last = turns.at(-1);
  // Scrolls when the last turn grows, so the turn is a dependency although it is not read.
  useEffect(() => {
    if (follows.current) box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [last]);
  const onScroll = ({ currentTarget: { scrollHeight, scrollTop, clientHeight } }: ScrollEvent) => {
    follows.current = scrollHeight - scrollTop - clientHeight < FOLLOW_PIXELS;
  };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached with the keyboard
    <div class="turns" ref={box} onScroll={onScroll} tabIndex={0}>
      {turns.length === 0 ? (
        <Welcome model={model} onChoose={onChoose} />
      ) : (
        <h1 class="hidden-text">Chat</h1>
      )}
      {turns.map((turn, index) =>
        turn.kind === 'answer' ? (
          <AnswerView
            key={index}
            answer={turn.answer}
            busy={streaming && turn === last}
            onRegenerate={streaming ? null : () => chat.regenerate(index)}
          />
        ) : (
          <UserTurn
            key={index}
            kind={turn.kind}
            text={turn.text}
            onEdit={streaming ? null : (text) => chat.edit(index, text)}
          />
        ),
      )}
    </div>
  );
}

type ScrollEvent = { readonly currentTarget: HTMLElement };

/** Screen readers hear that an answer runs, and the whole of it once: not word after word. */
function Announcer({ turns, streaming }: Pick<Chat, 'turns' | 'streaming'>) {
  const [text, setText] = useState('');
  const wasStreaming = useRef(false);
  useEffect(() => {
    if (streaming && !wasStreaming.current) setText('The model answers');
    if (!streaming && wasStreaming.current) setText(spoken(turns.at(-1)));
    wasStreaming.current = streaming;
  }, [turns, streaming]);
  return (
    <div class="hidden-text" role="status" aria-live="polite">
      {text}
    </div>
  );
}

function spoken(turn: Turn | undefined): string {
  if (turn?.kind !== 'answer') return '';
  const { content, toolCalls, finishReason } = turn.answer;
  const calls = toolCalls.map((call) => `Calls ${call.function.name}.`).join(' ');
  return `${finishReason === 'stopped' ? 'Stopped. ' : ''}${content} ${calls}`.trim();
}
