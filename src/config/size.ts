/** Sizes in bytes as people write them: `2GiB`, `512 MiB`, `65536`. */
const UNITS: readonly (readonly [name: string, bytes: number])[] = [
  ['TiB', 1024 ** 4],
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
  ['B', 1],
];

/** Bytes, or null when the text is not a whole number of bytes. Units are powers of 1024. */
export function parseBytes(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]i?)?B?$/i.exec(text.trim());
  if (match === null) return null;
  const letter = match[2]?.[0]?.toUpperCase() ?? 'B';
  const unit = UNITS.find(([name]) => name.startsWith(letter));
  const size = Number(match[1]) * (unit?.[1] ?? 1);
  return Number.isSafeInteger(size) ? size : null;
}

/** The shortest exact form, e.g. `16MiB`; plain bytes where no unit divides. */
export function formatBytes(size: number): string {
  const unit = UNITS.find(([, bytes]) => size >= bytes && size % bytes === 0);
  return unit === undefined || unit[1] === 1 ? String(size) : `${size / unit[1]}${unit[0]}`;
}
