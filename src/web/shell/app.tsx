/** The frame of the page: what is above, which page is shown, and the key dialog. */
import { useEffect, useState } from 'preact/hooks';
import { ChatPage } from '../chat/chat-page.tsx';
import type { LivePage } from '../live/live-page.tsx';
import { KeyDialog } from './key-dialog.tsx';
import { useRoute } from './route.ts';
import { TopBar } from './top-bar.tsx';
import { type Server, useServer } from './use-server.ts';

export function App() {
  const server = useServer();
  const route = useRoute();
  useEffect(() => {
    document.title = route === 'live' ? 'Etap, live' : 'Etap';
  }, [route]);
  return (
    <div class="shell">
      <button type="button" class="skip" onClick={skipToMain}>
        Skip to the page
      </button>
      <TopBar route={route} server={server} />
      {server.problem !== null && (
        <div class="banner" role="alert">
          <span>{server.problem}</span>
          <button type="button" onClick={server.connect}>
            Try again
          </button>
        </div>
      )}
      <main id="main" tabIndex={-1}>
        <div class="page" hidden={route !== 'chat'}>
          <ChatPage server={server} />
        </div>
        {route === 'live' && <LiveRoute server={server} />}
      </main>
      {server.keyReason !== null && <KeyDialog server={server} reason={server.keyReason} />}
    </div>
  );
}

/** Not a link: the hash names the page. */
function skipToMain(): void {
  document.getElementById('main')?.focus();
}

/** Charts are loaded when they are first wanted. */
function LiveRoute({ server }: { readonly server: Server }) {
  const [Page, setPage] = useState<typeof LivePage | null>(null);
  useEffect(() => {
    import('../live/live-page.tsx').then(
      (module) => setPage(() => module.LivePage),
      () => location.reload(),
    );
  }, []);
  return Page === null ? null : <Page server={server} />;
}
