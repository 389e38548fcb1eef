/**
 * Fields of later versions. A value that changes nothing is let through; any other is refused, for a
 * client must never believe that something happened which did not.
 */
import { EtapError } from '../../errors.ts';

type Rule = { readonly accepts: (value: unknown) => boolean; readonly accepted: string };

const nothing: Rule = { accepts: () => false, accepted: '' };
const only = (value: unknown): Rule => ({
  accepts: (found) => found === value,
  accepted: ` or send ${JSON.stringify(value)}`,
});
const emptyList: Rule = {
  accepts: (value) => Array.isArray(value) && value.length === 0,
  accepted: ' or send an empty list',
};
const noTool: Rule = {
  accepts: (value) => value === 'none' || value === 'auto',
  accepted: ' or send "none" or "auto"',
};

const RULES: Readonly<Record<string, Rule>> = {
  structural_tag: nothing,
  bad_words: emptyList,
  use_beam_search: only(false),
  length_penalty: only(1),
  logits_processors: emptyList,
  suffix: only(''),
  prompt_embeds: nothing,
  functions: emptyList,
  function_call: noTool,
  chat_template: nothing,
  documents: emptyList,
  echo: only(false),
  modalities: {
    accepts: (value) => Array.isArray(value) && value.every((item) => item === 'text'),
    accepted: ' or send ["text"]',
  },
  audio: nothing,
  web_search_options: nothing,
  background: only(false),
  conversation: nothing,
  prompt: nothing,
};

/** Names of the fields that a schema marks as refused. */
export const refusedFields = (schema: { readonly properties: object }): string[] =>
  Object.entries(schema.properties)
    .filter(([, field]) => (field as { readonly refused?: boolean }).refused === true)
    .map(([name]) => name);

/** Throws EtapError ETAP_ERR_NOT_SUPPORTED for the first field that would change the answer. */
export function refuseUnsupported(body: object, names: readonly string[]): void {
  for (const name of names) {
    const value = (body as Readonly<Record<string, unknown>>)[name];
    const rule = RULES[name] ?? nothing;
    if (value === undefined || value === null || rule.accepts(value)) continue;
    throw new EtapError(
      'ETAP_ERR_NOT_SUPPORTED',
      `${name}: not supported by this build; leave it out${rule.accepted}`,
      name,
    );
  }
}
