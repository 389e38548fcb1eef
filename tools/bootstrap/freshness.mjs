/** Decides whether a build step is stale: by the content of its inputs, never by file times. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** @param {string} path file or folder @returns {string[]} files in it, sorted */
function filesIn(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.name !== 'node_modules')
    .flatMap((entry) => filesIn(join(path, entry.name)))
    .sort();
}

/**
 * @param {string[]} inputs files and folders the step reads
 * @param {string} extra anything else that changes its output, e.g. its options
 * @returns {string} hex digest
 */
export function fingerprint(inputs, extra = '') {
  const hash = createHash('sha256').update(extra);
  for (const file of inputs.flatMap(filesIn)) {
    hash.update(`\0${file}\0`).update(readFileSync(file));
  }
  return hash.digest('hex');
}

/** @param {string} stampFile @param {string} digest */
export function isFresh(stampFile, digest) {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8') === digest;
}

/** @param {string} stampFile @param {string} digest */
export function markFresh(stampFile, digest) {
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, digest);
}
