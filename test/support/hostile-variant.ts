/** One way to break a checkpoint, and the error that opening it must give. */
import type { ErrorCode } from '../../src/errors.ts';
import type { Base, CheckpointFiles } from './checkpoint-files.ts';

export type HostileVariant = {
  readonly name: string;
  readonly code: ErrorCode;
  /** What the message must name: files, tensors, fields. */
  readonly names: readonly string[];
  readonly base: Base;
  readonly damage: (files: CheckpointFiles) => void;
};
