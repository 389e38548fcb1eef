/** A deterministic byte-level BPE tokenizer of any size, printable, without a corpus. */

const SPACE = 'Ġ';
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

/** The byte-level alphabet in byte order. */
function byteAlphabet(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable =
      (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);
    return String.fromCodePoint(printable ? byte : next++);
  });
}

/** Words over a-z, shortest first, each with and without a space before it. */
function* words(): Generator<readonly [string, string]> {
  let previous = [''];
  for (;;) {
    const longer: string[] = [];
    for (const stem of previous) {
      for (const letter of LETTERS) {
        const word = stem + letter;
        longer.push(word);
        if (stem !== '') yield [stem, letter];
        yield [SPACE + stem, letter];
      }
    }
    previous = longer;
  }
}

/** tokenizer.json and tokenizer_config.json; the last two ids are BOS and EOS. */
export function benchTokenizer(vocabSize: number): Record<string, unknown> {
  const tokens = byteAlphabet();
  const merges: (readonly [string, string])[] = [];
  for (const merge of words()) {
    if (tokens.length >= vocabSize - 2) break;
    merges.push(merge);
    tokens.push(merge.join(''));
  }
  const special = (content: string, id: number) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  const byteLevel = {
    type: 'ByteLevel',
    add_prefix_space: false,
    trim_offsets: true,
    use_regex: true,
  };
  return {
    'tokenizer.json': {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: [special('<bos>', vocabSize - 2), special('<eos>', vocabSize - 1)],
      normalizer: null,
      pre_tokenizer: byteLevel,
      post_processor: null,
      decoder: byteLevel,
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
        merges,
      },
    },
    'tokenizer_config.json': { bos_token: '<bos>', eos_token: '<eos>', add_bos_token: false },
  };
}
