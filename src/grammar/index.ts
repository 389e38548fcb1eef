/** Door of the grammar languages: what a text may be, as expressions that the grammar engine follows. */
export type { CodePoints } from './code-points.ts';
export type { Expression, Grammar } from './expression.ts';
export { unsupportedGrammar } from './grammar-error.ts';
export { type FreeStart, type GrammarLanguage, type GrammarSpec, grammarOf } from './spec.ts';
export type { ToolCallMarkers, ToolCallsSpec } from './tool-calls.ts';
