/** The markers DeepSeek models write around thinking and tool calls; the bar is U+FF5C, the low line U+2581. */

export const THINK_BEGIN = '<think>';
export const THINK_END = '</think>';
export const CALLS_BEGIN = '<｜tool▁calls▁begin｜>';
export const CALLS_END = '<｜tool▁calls▁end｜>';
export const CALL_BEGIN = '<｜tool▁call▁begin｜>';
export const CALL_END = '<｜tool▁call▁end｜>';
export const CALL_SEPARATOR = '<｜tool▁sep｜>';

export const THINK_MARKERS: readonly string[] = [THINK_BEGIN, THINK_END];

export const TOOL_MARKERS: readonly string[] = [
  CALLS_BEGIN,
  CALLS_END,
  CALL_BEGIN,
  CALL_END,
  CALL_SEPARATOR,
];

export const OUTPUT_MARKERS: readonly string[] = [...THINK_MARKERS, ...TOOL_MARKERS];

/**
 * Where a completion begins, read off its prompt: newer templates end the prompt with `<think>`, so
 * that only `</think>` will be generated.
 */
export function startsInsideThinking(promptText: string): boolean {
  const lastTurn = Math.max(promptText.lastIndexOf('<｜Assistant｜>'), 0);
  const turn = promptText.slice(lastTurn);
  return turn.lastIndexOf(THINK_BEGIN) > turn.lastIndexOf(THINK_END);
}

/** The markers of tool calls by their part. */
export const CALL_MARKERS = {
  callsBegin: CALLS_BEGIN,
  callsEnd: CALLS_END,
  callBegin: CALL_BEGIN,
  callEnd: CALL_END,
  separator: CALL_SEPARATOR,
} as const;
