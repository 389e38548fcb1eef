/** The KV cache against a naive model, under random commands. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BlockTable, blocksFor, KvCache } from '../../src/kv/index.ts';

const BLOCK = 64;
const BLOCK_COUNT = 12;
const SALTS = ['', 'a', 'b'];

type Held = { readonly salt: string; readonly tokens: Int32Array; readonly table: BlockTable };

/** What may be in the cache: every prefix that was offered, by salt, until it was evicted. */
class Model {
  /** Content of each block: salt and all tokens up to its end. */
  readonly content = new Map<number, string>();
  readonly references = new Map<number, number>();

  key(salt: string, tokens: Int32Array, block: number): string {
    return `${salt}|${tokens.subarray(0, (block + 1) * BLOCK).join(',')}`;
  }

  isOffered(key: string): boolean {
    return [...this.content.values()].includes(key);
  }
}

type Real = { readonly kv: KvCache; readonly held: Held[]; readonly namespaces: number[] };

/** Few different tokens, so that prefixes meet. */
const tokensArbitrary = fc
  .tuple(fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 4, maxLength: 4 }), fc.nat(255))
  .map(([kinds, length]) =>
    Int32Array.from({ length: length + 1 }, (_, i) => kinds[Math.floor(i / BLOCK)] ?? 0),
  );

/** A command after which the state is compared. */
abstract class Checked implements fc.Command<Model, Real> {
  check = () => true;

  run(model: Model, real: Real): void {
    this.act(model, real);
    checkState(model, real);
  }

  abstract act(model: Model, real: Real): void;
}

class Start extends Checked {
  readonly salt: number;
  readonly tokens: Int32Array;
  constructor(salt: number, tokens: Int32Array) {
    super();
    this.salt = salt;
    this.tokens = tokens;
  }

  override act(model: Model, { kv, held, namespaces }: Real): void {
    const salt = SALTS[this.salt] ?? '';
    const namespace = namespaces[this.salt] ?? 0;
    const { tokens } = this;
    const match = kv.match(namespace, tokens, tokens.length - 1);
    const matchable = Math.floor((tokens.length - 1) / BLOCK);
    let expected = 0;
    while (expected < matchable && model.isOffered(model.key(salt, tokens, expected))) expected++;
    // A block whose predecessors were evicted is out of reach, so less may be found, never more.
    expect(match.blocks.length).toBeLessThanOrEqual(expected);
    for (const [i, block] of match.blocks.entries()) {
      expect(model.content.get(block)).toBe(model.key(salt, tokens, i));
    }
    expect(match.freeCount).toBe(
      match.blocks.filter((block) => (model.references.get(block) ?? 0) === 0).length,
    );
    const table = new BlockTable();
    kv.adopt(table, match);
    const needed = blocksFor(tokens.length) - table.length;
    const free = kv.pool.freeCount;
    const fits = kv.allocate(table, needed);
    expect(fits).toBe(needed <= free);
    if (!fits) {
      kv.release(table);
      return;
    }
    for (let i = 0; i < table.length; i++) {
      const block = table.at(i);
      if (i >= match.blocks.length) {
        expect(model.references.get(block) ?? 0).toBe(0);
        model.content.delete(block);
      }
      model.references.set(block, (model.references.get(block) ?? 0) + 1);
    }
    kv.index(table, namespace, tokens, tokens.length);
    for (let i = 0; i < Math.floor(tokens.length / BLOCK); i++) {
      model.content.set(table.at(i), model.key(salt, tokens, i));
    }
    held.push({ salt, tokens, table });
  }
  override toString = () => `start ${SALTS[this.salt]} ${this.tokens.length}`;
}

class End extends Checked {
  readonly index: number;
  readonly distrust: boolean;
  constructor(index: number, distrust: boolean) {
    super();
    this.index = index;
    this.distrust = distrust;
  }

  override act(model: Model, { kv, held }: Real): void {
    if (held.length === 0) return;
    const [{ table }] = held.splice(this.index % held.length, 1) as [Held];
    if (this.distrust) kv.distrust(table);
    for (let i = 0; i < table.length; i++) {
      const block = table.at(i);
      if (this.distrust) model.content.delete(block);
      model.references.set(block, (model.references.get(block) ?? 0) - 1);
    }
    kv.release(table);
  }
  override toString = () => `end ${this.index}${this.distrust ? ' distrusted' : ''}`;
}

class Flush extends Checked {
  override act(model: Model, { kv }: Real): void {
    kv.flush();
    for (const block of model.content.keys()) {
      if ((model.references.get(block) ?? 0) === 0) model.content.delete(block);
    }
  }
  override toString = () => 'flush';
}

function checkState(model: Model, { kv, held }: Real): void {
  const used = [...model.references.values()].filter((count) => count > 0).length;
  expect(kv.pool.usedCount).toBe(used);
  expect(kv.pool.freeCount).toBe(BLOCK_COUNT - 1 - used);
  for (let block = 1; block < BLOCK_COUNT; block++) {
    expect(kv.pool.references(block)).toBe(model.references.get(block) ?? 0);
    expect(kv.isIndexed(block)).toBe(model.content.has(block));
  }
  const free = [...kv.pool.freeBlocks()];
  expect(new Set(free).size).toBe(kv.pool.freeCount);
  expect(kv.cachedCount).toBe(free.filter((block) => model.content.has(block)).length);
  for (const { tokens, table } of held) expect(table.length).toBe(blocksFor(tokens.length));
}

it('behaves like its model', () => {
  const commands = fc.commands(
    [
      fc.tuple(fc.nat(2), tokensArbitrary).map(([salt, tokens]) => new Start(salt, tokens)),
      fc.tuple(fc.nat(9), fc.integer({ min: 0, max: 9 })).map(([i, d]) => new End(i, d === 0)),
      fc.constant(new Flush()),
    ],
    { maxCommands: 60 },
  );
  fc.assert(
    fc.property(commands, fc.integer(), (list, hashSeed) => {
      const kv = new KvCache({ blockCount: BLOCK_COUNT, prefixCache: true, hashSeed });
      const namespaces = SALTS.map((salt) => kv.openNamespace(salt));
      const model = new Model();
      const real: Real = { kv, held: [], namespaces };
      fc.modelRun(() => ({ model, real }), list);
    }),
    { numRuns: 500 },
  );
});
