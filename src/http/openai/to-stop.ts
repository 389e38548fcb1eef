/** The `stop` field as a list of stop strings. */
import type { LimitsConfig } from '../../config/index.ts';
import { invalidField } from './invalid.ts';

/** Throws EtapError ETAP_ERR_INVALID_REQUEST. */
export function toStopStrings(
  stop: string | readonly string[] | null | undefined,
  { stopStrings, stopStringBytes }: LimitsConfig,
): readonly string[] {
  const strings = typeof stop === 'string' ? [stop] : (stop ?? []);
  if (strings.length > stopStrings) {
    throw invalidField(
      'stop',
      `found ${strings.length} stop strings, allowed are at most ${stopStrings}`,
    );
  }
  for (const text of strings) {
    if (text === '') throw invalidField('stop', 'found an empty stop string; leave it out');
    const bytes = Buffer.byteLength(text);
    if (bytes > stopStringBytes) {
      throw invalidField(
        'stop',
        `found a stop string of ${bytes} bytes, allowed are at most ${stopStringBytes}`,
      );
    }
  }
  return [...new Set(strings)];
}
