/** Damage to the safetensors file itself: its length, its header, the entries of the header. */
import { type CheckpointFiles, entryOf, offsetsOf, SINGLE_FILE } from './checkpoint-files.ts';
import type { HostileVariant } from './hostile-variant.ts';

const EMBED = 'model.embed_tokens.weight';
const NORM = 'model.layers.0.input_layernorm.weight';

export function headerVariants(): HostileVariant[] {
  return [...lengths(), ...headerSizes(), ...headerTexts(), ...entries(), ...offsets()];
}

const file = (name: string, damage: HostileVariant['damage']): HostileVariant => ({
  name,
  code: 'ETAP_ERR_CHECKPOINT',
  names: [SINGLE_FILE],
  base: 'bf16',
  damage,
});

const entry = (
  name: string,
  change: (entry: ReturnType<typeof entryOf>) => void,
  tensor = EMBED,
): HostileVariant => ({
  name: `entry: ${name}`,
  code: 'ETAP_ERR_TENSOR',
  names: [SINGLE_FILE, tensor],
  base: 'bf16',
  damage: (files) => files.editHeader(SINGLE_FILE, (header) => change(entryOf(header, tensor))),
});

function lengths(): HostileVariant[] {
  const cut = (name: string, length: (files: CheckpointFiles, whole: number) => number) =>
    file(`length: ${name}`, (files) => {
      files.edit(SINGLE_FILE, (bytes) => bytes.subarray(0, length(files, bytes.length)));
    });
  const dataBegin = (files: CheckpointFiles) => 8 + files.headerBytes(SINGLE_FILE);
  // A cut in the data is seen at a tensor's offsets, which then point past the end.
  const inData = (name: string, length: (files: CheckpointFiles, whole: number) => number) => ({
    ...cut(name, length),
    code: 'ETAP_ERR_TENSOR' as const,
  });
  return [
    cut('empty file', () => 0),
    cut('half a header size', () => 4),
    cut('a header size alone', () => 8),
    cut('half a header', (files) => 8 + Math.floor(files.headerBytes(SINGLE_FILE) / 2)),
    cut('a header without its last byte', (files) => dataBegin(files) - 1),
    inData('a header without data', dataBegin),
    inData('cut in the first tensor', (files) => dataBegin(files) + 100),
    inData('cut in the middle', (_, whole) => Math.floor(whole / 2)),
    inData('one byte short', (_, whole) => whole - 1),
    file('length: one byte more', (files) => {
      files.edit(SINGLE_FILE, (bytes) => Buffer.concat([bytes, Buffer.from([0])]));
    }),
    file('length: a megabyte more', (files) => {
      files.edit(SINGLE_FILE, (bytes) => Buffer.concat([bytes, Buffer.alloc(1 << 20)]));
    }),
    file('length: all zeros', (files) => {
      files.edit(SINGLE_FILE, (bytes) => Buffer.alloc(bytes.length));
    }),
    file('length: a text file', (files) => {
      files.editText(SINGLE_FILE, () => 'version https://git-lfs.github.com/spec/v1\nsize 1\n');
    }),
  ];
}

function headerSizes(): HostileVariant[] {
  const size = (name: string, value: (header: number) => bigint) =>
    file(`header size: ${name}`, (files) => {
      files.setHeaderSize(SINGLE_FILE, value(files.headerBytes(SINGLE_FILE)));
    });
  return [
    size('0', () => 0n),
    size('1', () => 1n),
    size('one less', (header) => BigInt(header - 1)),
    size('one more', (header) => BigInt(header + 1)),
    size('just over the limit', () => 100_000_001n),
    size('beyond the file', () => 50_000_000n),
    size('2^32', () => 1n << 32n),
    size('2^63 - 1', () => (1n << 63n) - 1n),
    size('2^63', () => 1n << 63n),
    size('2^64 - 8', () => (1n << 64n) - 8n),
    size('2^64 - 1', () => (1n << 64n) - 1n),
  ];
}

function headerTexts(): HostileVariant[] {
  const text = (name: string, change: (text: string) => string | Buffer) =>
    file(`header: ${name}`, (files) => files.editHeaderText(SINGLE_FILE, change));
  const metadata = (json: string) => (whole: string) =>
    whole.replace('"__metadata__":{"format":"pt"}', `"__metadata__":${json}`);
  const twice = (whole: string) => whole.replace(/\}$/, `,${whole.slice(1)}`);
  return [
    text('empty object', () => '{}'),
    text('an array', () => '[]'),
    text('a string', () => '"model"'),
    text('begins with a space', (whole) => ` ${whole}`),
    text('begins with a byte order mark', (whole) => `\ufeff${whole}`),
    text('not JSON', (whole) => 'x'.repeat(whole.length)),
    text('JSON of Python', (whole) => whole.replaceAll('"', "'")),
    text('a trailing comma', (whole) => whole.replace(/\}$/, ',}')),
    text('not closed', (whole) => whole.slice(0, -1)),
    text('two objects', (whole) => `${whole}{}`),
    text('padded with zero bytes', (whole) => `${whole}\0\0\0`),
    text('every tensor twice', twice),
    text('a comment', (whole) => whole.replace('{', '{/* x */')),
    text('nested too deeply', metadata('['.repeat(50_000) + ']'.repeat(50_000))),
    text('metadata is a number', metadata('1')),
    text('metadata holds a number', metadata('{"format":1}')),
    text('metadata twice', metadata('{"format":"pt"},"__metadata__":{}')),
    text('a number out of range', metadata('{"format":1e999}')),
    text('a control character', metadata('{"format":"p\u0001t"}')),
    text('a lone surrogate', metadata('{"format":"\\ud800"}')),
    text('an unknown escape', metadata('{"format":"\\x41"}')),
    text('invalid UTF-8', (whole) => {
      const bytes = Buffer.from(whole);
      bytes[bytes.indexOf('"pt"') + 1] = 0xff;
      return bytes;
    }),
  ];
}

function entries(): HostileVariant[] {
  const replaced = (name: string, value: unknown): HostileVariant => ({
    ...entry(name, () => {}),
    damage: (files) =>
      files.editHeaderText(SINGLE_FILE, (text) => {
        const header: Record<string, unknown> = JSON.parse(text);
        header[EMBED] = value;
        return JSON.stringify(header);
      }),
  });
  const without = (name: string): HostileVariant => ({
    ...entry(`no ${name}`, (value) => delete (value as Record<string, unknown>)[name]),
  });
  const shape = (name: string, value: unknown) =>
    entry(`shape: ${name}`, (tensor) => {
      tensor.shape = value;
    });
  const dtype = (name: string, value: unknown) =>
    entry(`dtype: ${name}`, (tensor) => {
      tensor.dtype = value;
    });
  return [
    replaced('null', null),
    replaced('a string', 'tensor'),
    replaced('an array', []),
    replaced('an empty object', {}),
    without('dtype'),
    without('shape'),
    without('data_offsets'),
    dtype('unknown', 'BF17'),
    dtype('in lower case', 'bf16'),
    dtype('empty', ''),
    dtype('a number', 16),
    dtype('wider than the data', 'F32'),
    dtype('narrower than the data', 'F8_E4M3'),
    shape('a number', 10240),
    shape('a string', '160x64'),
    shape('a negative dimension', [-160, -64]),
    shape('a fraction', [160, 64.5]),
    shape('a string in it', [160, '64']),
    shape('one row too few', [159, 64]),
    shape('one row too many', [161, 64]),
    shape('no dimension', []),
    shape('a dimension of 0', [0, 64]),
    shape('a product of 2^64', [2 ** 32, 2 ** 32]),
    shape('a product that wraps round to the right one', [2 ** 40, 2 ** 24, 160, 64]),
    shape('1,000 dimensions', Array(1000).fill(1)),
    shape('a dimension beyond 2^63', 1e30),
  ];
}

function offsets(): HostileVariant[] {
  const given = (name: string, value: (begin: number, end: number) => unknown) =>
    entry(`offsets: ${name}`, (tensor) => {
      const [begin, end] = offsetsOf({ tensor }, 'tensor');
      tensor.data_offsets = value(begin, end);
    });
  const moved = (name: string, bytes: number) =>
    entry(
      `offsets: ${name}`,
      (tensor) => {
        const [begin, end] = offsetsOf({ tensor }, 'tensor');
        tensor.data_offsets = [begin + bytes, end + bytes];
      },
      NORM,
    );
  // Which of two tensors in the same place is named is up to the reader.
  const overlap = (name: string, bytes: number) => ({
    ...moved(name, bytes),
    names: [SINGLE_FILE],
  });
  const hole = (name: string, tensor: string, byteCount: number): HostileVariant => ({
    name: `offsets: ${name}`,
    code: 'ETAP_ERR_TENSOR',
    names: [SINGLE_FILE, tensor],
    base: 'bf16',
    damage: (files) => files.insertHole(SINGLE_FILE, tensor, byteCount),
  });
  return [
    given('reversed', (begin, end) => [end, begin]),
    given('negative', (begin, end) => [begin - 64, end - 64]),
    given('one only', (begin) => [begin]),
    given('three', (begin, end) => [begin, end, end]),
    given('strings', (begin, end) => [`${begin}`, `${end}`]),
    given('an object', (begin, end) => ({ begin, end })),
    given('null', () => null),
    given('fractions', (begin, end) => [begin + 0.5, end + 0.5]),
    given('beyond the file', () => [2 ** 40, 2 ** 40 + 20480]),
    given('an end of 2^53', (begin) => [begin, 2 ** 53]),
    given('beyond 2^63', (begin) => [begin, 1e19]),
    given('one byte longer', (begin, end) => [begin, end + 1]),
    given('one byte shorter', (begin, end) => [begin, end - 1]),
    given('empty', (begin) => [begin, begin]),
    overlap('overlap by two bytes', -2),
    overlap('overlap by a whole tensor', -128),
    overlap('overlap with the next tensor', 64),
    hole('a hole before the first tensor', EMBED, 64),
    hole('a hole of one byte', NORM, 1),
    hole('a hole of a page', 'lm_head.weight', 4096),
  ];
}
