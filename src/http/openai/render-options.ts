/** Template fields of a chat as options of the text side. */
import type { RenderOptions } from '../../text/index.ts';
import { invalidField } from './invalid.ts';
import { effortOf, toThinking } from './reasoning.ts';
import type { TemplateBody } from './text-schemas.ts';
import { toTools } from './to-tools.ts';

/** Throws EtapError ETAP_ERR_INVALID_REQUEST, ETAP_ERR_NOT_SUPPORTED. */
export function toRenderOptions(body: Omit<TemplateBody, 'messages' | 'model'>): RenderOptions {
  const continueFinalMessage = body.continue_final_message ?? false;
  if (continueFinalMessage && body.add_generation_prompt === true) {
    throw invalidField('continue_final_message', 'allowed only without add_generation_prompt');
  }
  const effort = effortOf(body);
  return {
    addGenerationPrompt: body.add_generation_prompt ?? !continueFinalMessage,
    continueFinalMessage,
    tools: toTools(body),
    thinking: toThinking(body),
    kwargs: { ...(effort !== null && { reasoning_effort: effort }), ...body.chat_template_kwargs },
  };
}
