/** Door of the live feed. */
export { LIVE_READERS_MAX, LiveFeed } from './live-feed.ts';
