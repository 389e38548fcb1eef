/** Text in, ids out, and back: everything that knows characters lives in this folder. */
export { CharacterCounter, characterCount } from './character-counter.ts';
export { loadTextModel } from './load-text-model.ts';
export { CALL_MARKERS, THINK_END } from './output-markers.ts';
export { type OutputEvent, OutputParser } from './output-parser.ts';
export { StopMatcher } from './stop-matcher.ts';
export type {
  ChatMessage,
  Detokenizer,
  GenerationDefaults,
  RenderedPrompt,
  RenderOptions,
  TextModel,
  Tokenizer,
} from './text-model.ts';
export { loadTokenBytes } from './token-bytes.ts';
