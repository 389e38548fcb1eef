/** Template fields of a chat as options of the text side. */
import type { RenderOptions } from '../../text/index.ts';
import { invalidField } from './invalid.ts';

type TemplateFields = {
  readonly add_generation_prompt?: boolean | null;
  readonly continue_final_message?: boolean | null;
  readonly chat_template_kwargs?: Readonly<Record<string, unknown>> | null;
};

/** Throws EtapError ETAP_ERR_INVALID_REQUEST. */
export function toRenderOptions(body: TemplateFields): RenderOptions {
  const continueFinalMessage = body.continue_final_message ?? false;
  if (continueFinalMessage && body.add_generation_prompt === true) {
    throw invalidField('continue_final_message', 'allowed only without add_generation_prompt');
  }
  return {
    addGenerationPrompt: body.add_generation_prompt ?? !continueFinalMessage,
    continueFinalMessage,
    tools: null,
    kwargs: body.chat_template_kwargs ?? {},
  };
}
