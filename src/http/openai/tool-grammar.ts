/** Tool calls that must be made, or must fit a schema, as the grammar that enforces them. */
import { EtapError } from '../../errors.ts';
import type { GrammarSpec, ToolCallsSpec } from '../../grammar/index.ts';
import { CALL_MARKERS, type TextModel } from '../../text/index.ts';
import { checkGrammar } from './to-grammar.ts';
import type { Tool, ToolChoice } from './tool-schemas.ts';

type ToolUse = {
  /** Those that the model is told of. */
  readonly tools: readonly Tool[] | null;
  readonly choice: ToolChoice | null;
  /** At most one call. */
  readonly single: boolean;
};

/**
 * Null where calls are free. A choice of `required` or of a tool has a grammar from the first token
 * of the answer; strict tools have one from the marker that begins calls, if the model writes it.
 * Throws EtapError ETAP_ERR_GRAMMAR, ETAP_ERR_GRAMMAR_UNSUPPORTED naming the strict schema.
 */
export async function toToolGrammar(use: ToolUse, text: TextModel): Promise<GrammarSpec | null> {
  const { tools, single } = use;
  if (tools === null) return null;
  const choice = use.choice ?? 'auto';
  if (choice === 'none') return null;
  const named = typeof choice === 'string' ? null : choice.function.name;
  const forced = choice !== 'auto';
  if (!forced && !tools.some(({ function: { strict } }) => strict === true)) return null;
  const language: ToolCallsSpec = {
    kind: 'toolCalls',
    path: 'tools',
    format: text.callForm,
    markers: CALL_MARKERS,
    markerIds: text.markerIds,
    tools: tools.flatMap((tool, index) =>
      named === null || tool.function.name === named ? [enforcedTool(tool, index, forced)] : [],
    ),
    begun: !forced,
    callsMax: single || named !== null ? 1 : null,
  };
  const spec: GrammarSpec = {
    language,
    startAfter: forced ? null : { tokens: await callsBegin(text), mayEnd: true },
  };
  checkGrammar(spec, 'tools');
  return spec;
}

/** A schema is enforced where it is strict, and where a forced call has one that can be. */
function enforcedTool({ function: called }: Tool, index: number, forced: boolean) {
  const { name, strict } = called;
  const path = `tools[${index}].function.parameters`;
  const parameters = called.parameters ?? null;
  const isEnforced = strict === true || (forced && canEnforce(parameters, path));
  return { name, parameters: isEnforced ? parameters : null, path };
}

function canEnforce(schema: unknown, path: string): boolean {
  if (schema === null) return true;
  try {
    checkGrammar({ language: { kind: 'jsonSchema', schema, path }, startAfter: null }, path);
    return true;
  } catch (error) {
    if (error instanceof EtapError) return false;
    throw error;
  }
}

async function callsBegin({ markerIds, tokenizer }: TextModel): Promise<readonly number[]> {
  const { callsBegin: marker } = CALL_MARKERS;
  const id = markerIds[marker];
  if (id !== undefined) return [id];
  return [...(await tokenizer.encode(marker, { addBos: false, parseSpecial: true }))];
}
