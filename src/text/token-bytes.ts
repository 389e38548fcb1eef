/** The bytes that text is made of, by token: what a grammar is matched against. */
import { readModelFiles } from './model-files.ts';
import { Vocabulary } from './vocabulary.ts';

/**
 * Bytes of each token by its id; empty for ids without a token and for added tokens, which no text
 * ever means. Throws EtapError ETAP_ERR_TOKENIZER.
 */
export function loadTokenBytes(folder: string): readonly Uint8Array[] {
  const vocabulary = new Vocabulary(readModelFiles(folder).tokenizer);
  const added = new Set(vocabulary.addedTokens.map(({ id }) => id));
  return Array.from({ length: vocabulary.size }, (_, id) =>
    added.has(id) ? new Uint8Array(0) : vocabulary.bytes(id),
  );
}
