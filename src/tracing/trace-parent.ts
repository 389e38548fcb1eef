/** The W3C `traceparent` header (www.w3.org/TR/trace-context, version 00): who called, in whose trace. */

export type TraceParent = {
  /** 32 hexadecimal digits, not all 0. */
  readonly traceId: string;
  /** 16 hexadecimal digits, not all 0. */
  readonly spanId: string;
  readonly flags: number;
};

const HEADER = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})/;

/** Null where there is none, or it is not well formed: it must then be ignored. */
export function parseTraceParent(header: unknown): TraceParent | null {
  const match = typeof header === 'string' ? HEADER.exec(header) : null;
  if (match === null) return null;
  const [, traceId = '', spanId = '', flags = ''] = match;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}
