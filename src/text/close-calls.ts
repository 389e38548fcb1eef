/**
 * Closes what a faulty template leaves open: DeepSeek's first V3 template ends a turn only behind
 * its second call, so that a history with exactly one call lacks the end of the calls and of the turn.
 */
import { CALL_BEGIN, CALL_END, CALLS_END } from './output-markers.ts';

/** A call's end with neither another call nor the end of the calls behind it. */
const UNCLOSED = new RegExp(`${CALL_END}(?!\\s*(?:${CALL_BEGIN}|${CALLS_END}))`, 'gu');

/** @param rendered with its guards: markers in it are the template's own */
export const closeCalls = (rendered: string, eosToken: string): string =>
  rendered.replaceAll(UNCLOSED, () => CALL_END + CALLS_END + eosToken);
