/** Door of the OpenAI wire formats. */
export { type AnswerBody, type AnswerHead, answerOptions } from './answer.ts';
export { chatFormat } from './chat-format.ts';
export { Choice, type GatheredPart } from './choice.ts';
export { AnswerCollector } from './collector.ts';
export { completionFormat } from './completion-format.ts';
export {
  anything,
  boolean,
  dictionary,
  ignored,
  integer,
  list,
  oneOf,
  refused,
  string,
} from './field.ts';
export { checkAtMost, describe, describeAllowed, invalidField, schemaError } from './invalid.ts';
export { type ChatLogprob, chatLogprobs, type LogprobStyle } from './logprobs.ts';
export { toRenderOptions } from './render-options.ts';
export { ChatBody, CompletionBody, Message } from './schemas.ts';
export { modelField, requestFields, samplingFields, stopFields } from './shared-fields.ts';
export { StreamEncoder } from './stream-encoder.ts';
export { AbortBody, DetokenizeBody, TemplateBody, TokenizeBody } from './text-schemas.ts';
export { toMessages } from './to-messages.ts';
export { chatToRequest, checkModel, completionToRequest, withFirst } from './to-request.ts';
export { checkTokenIds } from './to-sampling.ts';
export type { RequestContext } from './to-settings.ts';
export { toToolGrammar } from './tool-grammar.ts';
export { refusedFields, refuseUnsupported } from './unsupported.ts';
export type { WireFormat } from './wire-format.ts';
