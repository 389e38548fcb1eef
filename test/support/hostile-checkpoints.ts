/**
 * Broken variants of one tiny checkpoint, each with the error that opening it must give. They are
 * made in memory from a sound checkpoint and written into a folder of the caller's.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorCode } from '../../src/errors.ts';
import { CheckpointFiles, SINGLE_FILE } from './checkpoint-files.ts';
import { configVariants } from './hostile-configs.ts';
import { headerVariants } from './hostile-headers.ts';
import { indexVariants, tensorVariants } from './hostile-tensors.ts';

export type HostileCheckpoint = {
  readonly name: string;
  readonly code: ErrorCode;
  readonly names: readonly string[];
  /** Fills `folder`, which need not exist. */
  readonly write: (folder: string) => void;
};

export function hostileCheckpoints(): readonly HostileCheckpoint[] {
  const variants = [
    ...headerVariants(),
    ...tensorVariants(),
    ...indexVariants(),
    ...configVariants(),
  ];
  const damaged = variants.map(({ name, code, names, base, damage }) => ({
    name,
    code,
    names,
    write: (folder: string) => {
      const files = CheckpointFiles.sound(base);
      damage(files);
      files.write(folder);
    },
  }));
  return [...damaged, ...oddFolders()];
}

/** What no change of a file's bytes can make. */
function oddFolders(): HostileCheckpoint[] {
  const code = 'ETAP_ERR_CHECKPOINT';
  return [
    { name: 'folder: not there', code, names: ['config.json'], write: () => {} },
    { name: 'folder: a file', code, names: [], write: (folder) => writeFileSync(folder, 'x') },
    { name: 'folder: empty', code, names: ['config.json'], write: (folder) => mkdirSync(folder) },
    {
      name: 'folder: a folder in place of the weights',
      code,
      names: [SINGLE_FILE],
      write: (folder) => {
        const files = CheckpointFiles.sound('bf16');
        files.delete(SINGLE_FILE);
        files.write(folder);
        mkdirSync(join(folder, SINGLE_FILE));
      },
    },
  ];
}
