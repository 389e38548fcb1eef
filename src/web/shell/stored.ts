/** State that outlives a reload, in the browser's storage. */
import { useCallback, useState } from 'preact/hooks';

export function useStored<T>(
  name: string,
  initial: T,
  storage: Storage = localStorage,
): readonly [T, (value: T) => void] {
  const [value, setValue] = useState<T>(() => read(storage, name, initial));
  const store = useCallback(
    (next: T) => {
      setValue(next);
      try {
        storage.setItem(name, JSON.stringify(next));
      } catch {
        // A full or forbidden storage costs only the memory of this value.
      }
    },
    [name, storage],
  );
  return [value, store];
}

function read<T>(storage: Storage, name: string, initial: T): T {
  try {
    const text = storage.getItem(name);
    if (text === null) return initial;
    const value = JSON.parse(text) as T;
    const isRecord = typeof initial === 'object' && initial !== null && !Array.isArray(initial);
    return isRecord ? { ...initial, ...value } : value;
  } catch {
    return initial;
  }
}
