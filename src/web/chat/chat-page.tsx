/** The chat: conversation in the middle, composer below, settings beside. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { useStored } from '../shell/stored.ts';
import { AnswerView } from './answer-view.tsx';
import { Composer } from './composer.tsx';
import type { Turn } from './conversation.ts';
import { DEFAULT_PARAMETERS, type Parameters } from './request-body.ts';
import { SettingsPanel } from './settings-panel.tsx';
import { useChat } from './use-chat.ts';

type Props = {
  readonly model: string;
  readonly apiKey: string;
  readonly onUnauthorized: () => void;
};

const SUGGESTIONS = [
  'What is 17 + 25?',
  'Reverse the word etap.',
  'What can you do?',
  'Give me a JSON object with name Ada and age 36.',
] as const;

export function ChatPage({ model, apiKey, onUnauthorized }: Props) {
  const [stored, setParameters] = useStored<Parameters>('etap.parameters', DEFAULT_PARAMETERS);
  const [showSettings, setShowSettings] = useState(false);
  const parameters = { ...stored, model };
  const chat = useChat({ parameters, apiKey, onUnauthorized });
  const end = useRef<HTMLDivElement>(null);
  const last = chat.turns.at(-1);
  // Scrolls when the last turn grows, so the turn is a dependency although it is not read.
  useEffect(() => {
    end.current?.scrollIntoView({ block: 'end' });
  }, [last]);

  const pendingCall = unansweredCall(chat.turns);
  const send = (text: string) =>
    chat.send(
      pendingCall === null
        ? { kind: 'user', text }
        : { kind: 'toolResult', callId: pendingCall, text },
    );
  return (
    <div class={showSettings ? 'chat with-settings' : 'chat'}>
      <section class="conversation" aria-label="Conversation">
        <div class="turns" aria-live="polite" aria-busy={chat.streaming}>
          {chat.turns.length === 0 && <Welcome onChoose={send} />}
          {chat.turns.map((turn, index) => (
            <TurnView key={index} turn={turn} busy={chat.streaming && turn === last} />
          ))}
          <div ref={end} />
        </div>
        <Composer
          chat={chat}
          parameters={parameters}
          placeholder={pendingCall === null ? 'Ask something' : 'Result of the tool call'}
          onSend={send}
          onToggleSettings={() => setShowSettings(!showSettings)}
        />
      </section>
      {showSettings && <SettingsPanel parameters={stored} onChange={setParameters} />}
    </div>
  );
}

function TurnView({ turn, busy }: { readonly turn: Turn; readonly busy: boolean }) {
  if (turn.kind === 'answer') return <AnswerView answer={turn.answer} busy={busy} />;
  return (
    <article class={`turn ${turn.kind}`} aria-label={turn.kind === 'user' ? 'You' : 'Tool result'}>
      {turn.text}
    </article>
  );
}

function Welcome({ onChoose }: { readonly onChoose: (text: string) => void }) {
  return (
    <div class="welcome">
      <h1>Talk to the model</h1>
      <p>
        Everything here goes through the same OpenAI API that your programs use. The bundled demo
        model is a toy: it adds, looks up, repeats, reverses and answers as JSON.
      </p>
      <ul>
        {SUGGESTIONS.map((text) => (
          <li key={text}>
            <button type="button" onClick={() => onChoose(text)}>
              {text}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** The id of the first call of the last answer that has no result yet. */
function unansweredCall(turns: readonly Turn[]): string | null {
  const at = turns.findLastIndex(({ kind }) => kind === 'answer');
  const turn = turns[at];
  if (turn?.kind !== 'answer') return null;
  const results = turns.slice(at + 1).filter(({ kind }) => kind === 'toolResult').length;
  return turn.answer.toolCalls[results]?.id ?? null;
}
