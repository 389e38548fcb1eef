/** Door of the responses. */
export type { ResponseEncoder } from './encoder.ts';
export type { Turn } from './items.ts';
export { Responses } from './responses.ts';
export { ResponseRun } from './run.ts';
export { ResponsesBody } from './schema.ts';
