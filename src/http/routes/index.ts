/** Door of the routes. */
export { addRoutes } from './routes.ts';
