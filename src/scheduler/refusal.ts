/** Why a sequence is turned away on arrival: it could never be computed, or too many wait. */
import { EtapError } from '../errors.ts';
import type { SchedulerConfig } from './config.ts';
import { PRIORITY_CLASSES, type SequenceSpec } from './sequence.ts';

export function refusalOf(
  spec: SequenceSpec,
  state: {
    readonly config: SchedulerConfig;
    readonly waitingCount: number;
    /** Tokens that the model and the block pool can hold for one sequence. */
    readonly sequenceTokensMax: number;
  },
): EtapError | null {
  const { config, waitingCount, sequenceTokensMax } = state;
  const promptTokenCount = spec.promptTokens.length;
  if (waitingCount >= config.queueCapacity) {
    return new EtapError(
      'ETAP_ERR_QUEUE_FULL',
      `${waitingCount} sequences are waiting, the limit is ${config.queueCapacity}. Try again later.`,
    );
  }
  if (promptTokenCount >= config.maxModelLen) {
    return new EtapError(
      'ETAP_ERR_CONTEXT_LENGTH',
      `The prompt has ${promptTokenCount} tokens; with at least one completion token the model ` +
        `holds ${config.maxModelLen}. Shorten the prompt.`,
    );
  }
  if (promptTokenCount >= sequenceTokensMax) {
    return new EtapError(
      'ETAP_ERR_UNSCHEDULABLE',
      `The prompt has ${promptTokenCount} tokens; with at least one completion token the KV cache ` +
        `holds ${sequenceTokensMax}. Shorten the prompt or give the KV cache more memory.`,
    );
  }
  return (
    outOfRange('The number of prompt tokens', promptTokenCount, 1, sequenceTokensMax - 1) ??
    outOfRange('maxTokens', spec.maxTokens, 1, Number.MAX_SAFE_INTEGER) ??
    outOfRange('priority', spec.priority, 0, PRIORITY_CLASSES - 1)
  );
}

function outOfRange(name: string, value: number, min: number, max: number): EtapError | null {
  if (Number.isInteger(value) && value >= min && value <= max) return null;
  return new EtapError(
    'ETAP_ERR_INVALID_REQUEST',
    `${name} is ${value}; it must be an integer from ${min} to ${max}.`,
  );
}
