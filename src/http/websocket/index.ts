/** Door of the WebSocket side. */
export { admitUpgrade, authorizationOf, endWithAnswer } from './admission.ts';
export { SocketConnections } from './connections.ts';
export { addSockets } from './plugin.ts';
export { type RawRoute, rawProtocol } from './raw-protocol.ts';
export { responsesProtocol } from './responses-protocol.ts';
export { addSocketRoute } from './route.ts';
export { isWebSocketUpgrade } from './upgrades.ts';
