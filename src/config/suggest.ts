/** Finds the name that a mistyped one was probably meant to be. */

/** Names further away than this share of their length are no help. */
const DISTANCE_SHARE_MAX = 0.5;

/** The candidate nearest to `name`, or null when none is near. */
export function nearestName(name: string, candidates: readonly string[]): string | null {
  const wanted = plain(name);
  let best: string | null = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const distance = nameDistance(wanted, plain(candidate));
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return bestDistance <= Math.max(1, wanted.length * DISTANCE_SHARE_MAX) ? best : null;
}

/** ` (did you mean X?)`, or nothing. */
export function didYouMean(name: string, candidates: readonly string[]): string {
  const nearest = nearestName(name, candidates);
  return nearest === null ? '' : ` (did you mean ${nearest}?)`;
}

/** `--Max_Model-Len` and `maxModelLen` differ only in how words are joined. */
const plain = (name: string): string => name.toLowerCase().replaceAll(/[-_]/g, '');

/** Levenshtein distance; a name typed without its section is as near as the rest of it. */
function nameDistance(wanted: string, candidate: string): number {
  const lastPart = candidate.slice(candidate.indexOf('.') + 1);
  return Math.min(editDistance(wanted, candidate), editDistance(wanted, lastPart));
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
