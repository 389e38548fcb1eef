/** The grammar of tool calls for the served model: its markers as tokens, arguments by schema. */
import type { ToolCallsSpec } from '../../grammar/index.ts';
import { CALL_MARKERS, type Tokenizer } from '../../text/index.ts';
import type { Tool } from './tool-schemas.ts';

export type ToolCallsAsked = {
  /** Tools that may be called: all, or the named one. */
  readonly tools: readonly Tool[];
  readonly format: ToolCallsSpec['format'];
  /** Most calls; null: any number. At least one is always made. */
  readonly callsMax: number | null;
  /** The marker that begins the calls is in front of the grammar. */
  readonly begun: boolean;
};

/** What `GrammarSpec.language` is for required, named and strict tools. */
export async function toolCallsLanguage(
  tokenizer: Tokenizer,
  { tools, ...asked }: ToolCallsAsked,
): Promise<ToolCallsSpec> {
  const path = 'tools';
  return {
    kind: 'toolCalls',
    path,
    ...asked,
    markers: CALL_MARKERS,
    markerIds: await markerIds(tokenizer),
    tools: tools.map(({ function: { name, parameters } }, index) => ({
      name,
      parameters: parameters ?? null,
      path: `${path}[${index}].function.parameters`,
    })),
  };
}

/** Markers that are single tokens; others are written as text. */
async function markerIds(tokenizer: Tokenizer): Promise<Record<string, number>> {
  const ids: Record<string, number> = {};
  for (const marker of Object.values(CALL_MARKERS)) {
    const [id, ...more] = await tokenizer.encode(marker, { addBos: false, parseSpecial: true });
    if (id !== undefined && more.length === 0) ids[marker] = id;
  }
  return ids;
}
