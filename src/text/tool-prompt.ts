/**
 * What a model is told about its tools when its template says nothing of them, as that of
 * DeepSeek-V3: each tool with its schema, and the form of a call in the model's own markers.
 */
import { CALL_BEGIN, CALL_END, CALL_SEPARATOR, CALLS_BEGIN, CALLS_END } from './output-markers.ts';
import type { TemplateTraits } from './template-traits.ts';

/** @param tools strings in them are protected already; the markers of the text are meant as such */
export function toolPrompt(tools: readonly unknown[], form: TemplateTraits['callForm']): string {
  return [
    '## Tools',
    '',
    'You can call these functions. Each is given with the JSON Schema of its arguments.',
    ...tools.map((tool) => `\n${JSON.stringify(functionOf(tool))}`),
    '',
    'To call functions, answer with nothing but the calls, written like this:',
    '',
    exampleCall(form),
    '',
    'Several calls stand one after another between the same two outer markers. Arguments are one',
    'JSON object. When no function helps, answer the user as usual.',
  ].join('\n');
}

const functionOf = (tool: unknown): unknown =>
  (tool as { readonly function?: unknown } | null)?.function ?? tool;

function exampleCall(form: TemplateTraits['callForm']): string {
  const call =
    form === 'v3'
      ? `function${CALL_SEPARATOR}NAME\n\`\`\`json\n{"ARGUMENT": "VALUE"}\n\`\`\``
      : `NAME${CALL_SEPARATOR}{"ARGUMENT": "VALUE"}`;
  return CALLS_BEGIN + CALL_BEGIN + call + CALL_END + CALLS_END;
}
