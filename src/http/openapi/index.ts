/** Door of the API's own description. */
export { openApiDocument } from './document.ts';
export { addOpenApi, OPENAPI_ROUTES } from './pages.ts';
