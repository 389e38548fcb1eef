/** Door of the HTTP side. */
export { buildServer } from './server.ts';
export type { HttpMetrics, ServerDeps } from './server-deps.ts';
export { readTlsFiles, type TlsFiles } from './tls.ts';
