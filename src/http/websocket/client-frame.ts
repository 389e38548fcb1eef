/** What a client may send: one JSON object a text frame, with a lane's name where it wants one. */
import { EtapError } from '../../errors.ts';
import { parseJsonBody } from '../json-body.ts';

export type ClientFrame = Readonly<Record<string, unknown>> & {
  readonly type?: string;
};

const STREAM_ID = /^[A-Za-z0-9_.-]{1,256}$/;

/** Throws EtapError ETAP_ERR_INVALID_REQUEST. */
export function parseClientFrame(body: Buffer, isBinary: boolean, depthMax: number): ClientFrame {
  if (isBinary) throw invalid('found a binary frame; send JSON objects as text frames');
  const value = parseJsonBody(body, depthMax);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('the frame is not a JSON object; send one object a frame');
  }
  const { type } = value as { readonly type?: unknown };
  if (type !== undefined && typeof type !== 'string') {
    throw new EtapError('ETAP_ERR_INVALID_REQUEST', 'type: allowed is a string', 'type');
  }
  return value as ClientFrame;
}

/** The name of the frame's lane; null where it names none. Throws EtapError ETAP_ERR_INVALID_STREAM_ID. */
export function streamIdOf({ stream_id: streamId }: ClientFrame): string | null {
  if (streamId === undefined || streamId === null) return null;
  if (typeof streamId === 'string' && STREAM_ID.test(streamId)) return streamId;
  throw new EtapError(
    'ETAP_ERR_INVALID_STREAM_ID',
    'stream_id: allowed are 1 to 256 letters, digits, underscores, dots and hyphens',
    'stream_id',
  );
}

const invalid = (message: string): EtapError => new EtapError('ETAP_ERR_INVALID_REQUEST', message);
