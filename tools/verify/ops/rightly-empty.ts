/** What a healthy CPU node with the demo model does not have, and why. */

type Reason = { readonly pattern: RegExp; readonly why: string };

const REASONS: readonly Reason[] = [
  { pattern: /\betap_gpu_\w+/, why: 'no GPU here' },
  { pattern: /\bDCGM_FI_DEV_XID_ERRORS\b/, why: "comes from NVIDIA's DCGM exporter" },
];

/** Null where the expression must return data. */
export const reasonToBeEmpty = (expr: string): string | null =>
  REASONS.find(({ pattern }) => pattern.test(expr))?.why ?? null;
