/** Door of the OpenAI wire formats. */
export { type AnswerHead, answerOptions } from './answer.ts';
export { chatFormat } from './chat-format.ts';
export { AnswerCollector } from './collector.ts';
export { completionFormat } from './completion-format.ts';
export { checkAtMost, describeAllowed, schemaError } from './invalid.ts';
export { toRenderOptions } from './render-options.ts';
export { ChatBody, CompletionBody, Message } from './schemas.ts';
export { StreamEncoder } from './stream-encoder.ts';
export { AbortBody, DetokenizeBody, TemplateBody, TokenizeBody } from './text-schemas.ts';
export { toMessages } from './to-messages.ts';
export { chatToRequest, checkModel, completionToRequest, withFirst } from './to-request.ts';
export { checkTokenIds } from './to-sampling.ts';
export type { RequestContext } from './to-settings.ts';
export { refusedFields, refuseUnsupported } from './unsupported.ts';
export type { WireFormat } from './wire-format.ts';
