/** The frame of the page: title, tabs, model, key and theme. */
import { useCallback, useEffect, useState } from 'preact/hooks';
import { ApiError, fetchModels } from '../api/client.ts';
import type { ModelCard } from '../api/types.ts';
import { ChatPage } from '../chat/chat-page.tsx';
import { KeyDialog } from './key-dialog.tsx';
import { useStored } from './stored.ts';
import { ThemeButton } from './theme-button.tsx';

export function App() {
  const [apiKey, setApiKey] = useStored('etap.apiKey', '', sessionStorage);
  const [models, setModels] = useState<readonly ModelCard[]>([]);
  const [problem, setProblem] = useState<string | null>(null);
  const [askingKey, setAskingKey] = useState(false);

  const connect = useCallback(async () => {
    try {
      setModels(await fetchModels(apiKey));
      setProblem(null);
      setAskingKey(false);
    } catch (error) {
      const refused = error instanceof ApiError && error.status === 401;
      setAskingKey(refused);
      setProblem(refused ? null : messageOf(error));
    }
  }, [apiKey]);
  useEffect(() => {
    connect().catch(() => undefined);
  }, [connect]);

  const model = models[0];
  return (
    <div class="shell">
      <header class="topbar">
        <span class="brand">
          <img src="./icon.svg" alt="" width="24" height="24" />
          Etap
        </span>
        <span class="model" title="The model this server runs">
          {model === undefined ? 'connecting' : model.id}
        </span>
        <nav class="links" aria-label="Elsewhere on this server">
          <a href="metrics">Metrics</a>
        </nav>
        <button type="button" class="quiet" onClick={() => setAskingKey(true)}>
          Key
        </button>
        <ThemeButton />
      </header>
      {problem !== null && (
        <div class="banner" role="alert">
          <span>{problem}</span>
          <button type="button" class="quiet" onClick={() => connect()}>
            Try again
          </button>
        </div>
      )}
      <main>
        <ChatPage
          model={model?.id ?? ''}
          apiKey={apiKey}
          onUnauthorized={() => setAskingKey(true)}
        />
      </main>
      {askingKey && (
        <KeyDialog apiKey={apiKey} onSave={setApiKey} onClose={() => setAskingKey(false)} />
      )}
    </div>
  );
}

function messageOf(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  return 'The server cannot be reached. Is it still running?';
}
