/** Takes the profile of a step out of the executor's result, which the next step overwrites. */
import {
  PROFILE_ATTENTION,
  PROFILE_EXPERTS,
  PROFILE_LATENT_ATTENTION,
  PROFILE_LATENT_BYTES,
  PROFILE_LINEAR,
  PROFILE_OTHER,
  PROFILE_REDUCE,
  PROFILE_SAMPLING,
  type StepResult,
} from '../executor/index.ts';
import type { StepProfile } from './messages.ts';

/** Null where the executor does not measure its steps. */
export function takeProfile({ profile }: StepResult): StepProfile | null {
  const field = (index: number): number => profile[index] ?? 0;
  if (field(PROFILE_LINEAR) === 0) return null;
  return {
    latentAttentionMicros: field(PROFILE_LATENT_ATTENTION),
    attentionMicros: field(PROFILE_ATTENTION),
    expertsMicros: field(PROFILE_EXPERTS),
    linearMicros: field(PROFILE_LINEAR),
    reduceMicros: field(PROFILE_REDUCE),
    otherMicros: field(PROFILE_OTHER),
    samplingMicros: field(PROFILE_SAMPLING),
    latentBytes: field(PROFILE_LATENT_BYTES),
  };
}
