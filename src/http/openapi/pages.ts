/** GET /openapi.json, and /docs, which shows it in a browser. Neither holds data, so neither asks a key. */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { openApiDocument } from './document.ts';

const DOCS = '/docs';

/** Routes of the pages: templates, as the door compares them. */
export const OPENAPI_ROUTES: readonly string[] = [
  '/openapi.json',
  ...['', '/', '/*', '/static/*', '/json', '/yaml'].map((path) => DOCS + path),
];

export function addOpenApi(app: FastifyInstance, version: string): void {
  const document = openApiDocument(version);
  app.get('/openapi.json', async () => document);
  app.register(swagger, {
    mode: 'static',
    specification: { document: document as never },
  });
  app.register(swaggerUi, {
    routePrefix: DOCS,
    staticCSP: true,
    uiConfig: { docExpansion: 'list', deepLinking: true, persistAuthorization: true },
  });
}
