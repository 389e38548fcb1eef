/**
 * Tool calls as DeepSeek models write them, with arguments that the tool's schema accepts:
 *   V3, R1:  CALLS_BEGIN CALL_BEGIN function SEP name NEWLINE ```json NEWLINE args NEWLINE ``` CALL_END
 *            (NEWLINE CALL_BEGIN ... CALL_END)* CALLS_END
 *   V3.1:    CALLS_BEGIN CALL_BEGIN name SEP args CALL_END (CALL_BEGIN ... CALL_END)* CALLS_END
 * A marker is one special token where the vocabulary has it, and text otherwise.
 */
import {
  choice,
  EMPTY,
  type Expression,
  type Grammar,
  RuleSet,
  repeat,
  sequence,
  specialToken,
  text,
} from './expression.ts';
import { invalidGrammar } from './grammar-error.ts';
import { JsonRules } from './json.ts';
import { schemaExpression } from './json-schema/compile-schema.ts';

export type ToolCallMarkers = {
  readonly callsBegin: string;
  readonly callsEnd: string;
  readonly callBegin: string;
  readonly callEnd: string;
  readonly separator: string;
};

export type ToolCallsSpec = {
  readonly kind: 'toolCalls';
  readonly path: string;
  readonly format: 'v3' | 'v3.1';
  readonly markers: ToolCallMarkers;
  /** Ids of those markers that are special tokens. */
  readonly markerIds: Readonly<Record<string, number>>;
  readonly tools: readonly {
    readonly name: string;
    /** JSON Schema of the arguments; null: any JSON object. */
    readonly parameters: unknown;
    readonly path: string;
  }[];
  /** The marker that begins the calls has been written already. */
  readonly begun: boolean;
  /** Most calls; null: any number. At least one is always made. */
  readonly callsMax: number | null;
};

/** Throws EtapError ETAP_ERR_GRAMMAR, ETAP_ERR_GRAMMAR_UNSUPPORTED. */
export function grammarOfToolCalls(spec: ToolCallsSpec): Grammar {
  if (spec.tools.length === 0) throw invalidGrammar(spec.path, 'there is no tool to call');
  const rules = new RuleSet();
  const json = new JsonRules(rules);
  const { markers, format } = spec;
  const marker = (content: string): Expression => {
    const id = Object.hasOwn(spec.markerIds, content) ? spec.markerIds[content] : undefined;
    return id === undefined ? text(content) : specialToken(id);
  };
  const bodies = spec.tools.map(({ name, parameters, path }) => {
    const given =
      parameters === null ? json.object : schemaExpression(parameters, { path, rules, json });
    return format === 'v3'
      ? sequence(
          text('function'),
          marker(markers.separator),
          text(`${name}\n\`\`\`json\n`),
          given,
          text('\n```'),
        )
      : sequence(text(name), marker(markers.separator), given);
  });
  const call = rules.define(
    'call',
    sequence(marker(markers.callBegin), choice(bodies), marker(markers.callEnd)),
  );
  const between = format === 'v3' ? text('\n') : EMPTY;
  const more = repeat(
    sequence(between, call),
    0,
    spec.callsMax === null ? null : spec.callsMax - 1,
  );
  const begin = spec.begun ? EMPTY : marker(markers.callsBegin);
  return rules.grammar(sequence(begin, call, more, marker(markers.callsEnd)));
}
