/** Above both pages: where one is, which model answers, key and theme. */
import type { Route } from './route.ts';
import { ThemeButton } from './theme-button.tsx';
import type { Server } from './use-server.ts';

const PAGES = [
  { route: 'chat', label: 'Chat', href: '#/' },
  { route: 'live', label: 'Live', href: '#/live' },
] as const;

export function TopBar({ route, server }: { readonly route: Route; readonly server: Server }) {
  return (
    <header class="topbar">
      <span class="brand">
        <img src="./icon.svg" alt="" width="22" height="22" />
        Etap
      </span>
      <nav class="pages" aria-label="Pages">
        {PAGES.map((page) => (
          <a
            key={page.route}
            href={page.href}
            aria-current={page.route === route ? 'page' : undefined}
          >
            {page.label}
          </a>
        ))}
      </nav>
      <span class="model" title="The model this server runs">
        <i class={server.model === null ? 'dot off' : 'dot'} aria-hidden="true" />
        {server.model?.id ?? 'connecting'}
      </span>
      <button type="button" class="quiet" onClick={() => server.openKeyDialog('changing')}>
        Key
      </button>
      <ThemeButton />
    </header>
  );
}
