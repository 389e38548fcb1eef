/** Which of the two pages is shown: kept in the hash, so that Back works and a reload stays. */
import { useEffect, useState } from 'preact/hooks';

export type Route = 'chat' | 'live';

const routeOf = (hash: string): Route => (hash === '#/live' ? 'live' : 'chat');

export function useRoute(): Route {
  const [route, setRoute] = useState(() => routeOf(location.hash));
  useEffect(() => {
    const follow = () => setRoute(routeOf(location.hash));
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return route;
}
