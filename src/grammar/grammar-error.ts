/** Errors about grammars: which part of the request, what was found, what is allowed. */
import { EtapError } from '../errors.ts';

/** A grammar that is wrong, or that never could match. */
export const invalidGrammar = (where: string, problem: string): EtapError =>
  new EtapError('ETAP_ERR_GRAMMAR', where === '' ? problem : `${where}: ${problem}`);

/** A correct grammar that this build cannot enforce, refused rather than enforced in part. */
export const unsupportedGrammar = (where: string, problem: string): EtapError =>
  new EtapError('ETAP_ERR_GRAMMAR_UNSUPPORTED', where === '' ? problem : `${where}: ${problem}`);

const GRAMMAR_CODES: readonly string[] = ['ETAP_ERR_GRAMMAR', 'ETAP_ERR_GRAMMAR_UNSUPPORTED'];

/** Says where, in the message of a grammar error that does not know it. */
export function at<T>(where: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof EtapError) || !GRAMMAR_CODES.includes(error.code)) throw error;
    throw new EtapError(error.code, `${where}: ${error.message}`, error.param);
  }
}
