import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { FileShelf, MemoryShelf } from '../../../src/http/responses/shelves.ts';
import { ResponseStore, type StoredResponse } from '../../../src/http/responses/store.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const LIMITS = { store: null, maxCount: 3, maxBytes: 10_000, maxAgeMs: 60_000 };

const stored = (id: string, text = ''): StoredResponse =>
  ({ response: { id, object: 'response', created_at: 0, output: [], text }, input: [] }) as never;

function memoryStore(limits: Partial<typeof LIMITS> = {}) {
  const clock = { now: 0 };
  const store = new ResponseStore(new MemoryShelf(), { ...LIMITS, ...limits }, () => clock.now);
  return { store, clock };
}

const ids = (store: ResponseStore, tenant: string, ...names: readonly string[]) =>
  names.filter((id) => store.get(tenant, id) !== null);

describe('stored responses', () => {
  it('belong to their tenant', () => {
    const { store } = memoryStore();
    store.put('a', stored('r1'));
    expect(store.get('a', 'r1')?.response.id).toBe('r1');
    expect(store.get('b', 'r1')).toBeNull();
    expect(store.delete('b', 'r1')).toBe(false);
    expect(store.delete('a', 'r1')).toBe(true);
    expect(store.get('a', 'r1')).toBeNull();
  });

  it('make room for later ones, by count, by bytes and by age', () => {
    const { store, clock } = memoryStore();
    for (const id of ['r1', 'r2', 'r3', 'r4']) store.put('a', stored(id));
    store.put('b', stored('r1'));
    expect(ids(store, 'a', 'r1', 'r2', 'r3', 'r4')).toEqual(['r2', 'r3', 'r4']);
    store.put('a', stored('r5', 'x'.repeat(9800)));
    expect(ids(store, 'a', 'r3', 'r4', 'r5')).toEqual(['r5']);
    store.put('a', stored('r6', 'x'.repeat(10_000)));
    expect(ids(store, 'a', 'r5', 'r6')).toEqual(['r5']);
    clock.now = 61;
    expect(ids(store, 'a', 'r5')).toEqual([]);
    expect(ids(store, 'b', 'r1')).toEqual([]);
  });

  it('are not kept where none may be', () => {
    const { store } = memoryStore({ maxCount: 0 });
    store.put('a', stored('r1'));
    expect(store.get('a', 'r1')).toBeNull();
  });

  it('are in their file when it is opened again, within its limits', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'etap-store-'));
    folders.push(folder);
    const path = join(folder, 'responses.db');
    const open = (limits: Partial<typeof LIMITS> = {}) =>
      new ResponseStore(
        new FileShelf(path, (error) => {
          throw error;
        }),
        { ...LIMITS, ...limits },
        () => 0,
      );
    const first = open();
    for (const id of ['r1', 'r2', 'r3']) first.put('a', stored(id, `text of ${id}`));
    // What is not committed yet is read all the same.
    expect(first.get('a', 'r3')?.response.text).toBe('text of r3');
    first.delete('a', 'r2');
    expect(first.get('a', 'r2')).toBeNull();
    await first.close();
    const second = open();
    expect(second.get('a', 'r1')?.response.text).toBe('text of r1');
    expect(ids(second, 'a', 'r1', 'r2', 'r3')).toEqual(['r1', 'r3']);
    await second.close();
    const third = open({ maxCount: 1 });
    expect(ids(third, 'a', 'r1', 'r2', 'r3')).toHaveLength(1);
    await third.close();
  });

  it('refuse a file that cannot be used', () => {
    const folder = mkdtempSync(join(tmpdir(), 'etap-store-'));
    folders.push(folder);
    writeFileSync(join(folder, 'file'), '');
    expect(() => new FileShelf(join(folder, 'file', 'responses.db'), () => {})).toThrow(
      expect.objectContaining({ code: 'ETAP_ERR_CONFIG', param: 'responses.store' }),
    );
  });
});
