/** Reads a JSON body: every way in which bytes can fail to be a well-formed request stops here. */
import { isUtf8 } from 'node:buffer';
import { EtapError } from '../errors.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** The only spelling of a lone surrogate that valid UTF-8 leaves. */
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;

/** Throws EtapError ETAP_ERR_INVALID_REQUEST; no message repeats bytes of the body. */
export function parseJsonBody(body: Buffer, depthMax: number): unknown {
  if (body.length === 0) throw invalid('the body is empty; send a JSON object');
  if (!isUtf8(body)) throw invalid('the body is not valid UTF-8; send JSON encoded as UTF-8');
  if (nestsDeeperThan(body, depthMax)) {
    throw invalid(`the body nests deeper than ${depthMax} levels of objects and lists`);
  }
  const text = body.toString('utf8');
  const value = parse(text);
  if (SURROGATE_ESCAPE.test(text) && hasLoneSurrogate(value)) {
    throw invalid(
      'a string of the body has half of a surrogate pair (\\uD800 to \\uDFFF), which is no ' +
        'character; send whole pairs',
    );
  }
  return value;
}

/** True when brackets outside strings nest deeper than `depthMax`; reads each byte once. */
export function nestsDeeperThan(body: Buffer, depthMax: number): boolean {
  let depth = 0;
  for (let index = 0; index < body.length; index++) {
    const byte = body[index];
    if (byte === QUOTE) {
      index = endOfString(body, index);
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth++;
      if (depth > depthMax) return true;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth--;
    }
  }
  return false;
}

/** Index of the quote that closes the string opened at `start`, or the body's length. */
function endOfString(body: Buffer, start: number): number {
  let index = body.indexOf(QUOTE, start + 1);
  while (index >= 0) {
    let backslashes = 0;
    while (body[index - 1 - backslashes] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return index;
    index = body.indexOf(QUOTE, index + 1);
  }
  return body.length;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid('the body is not valid JSON');
  }
}

/** Depth was checked before, so that recursion is bounded. */
function hasLoneSurrogate(value: unknown): boolean {
  if (typeof value === 'string') return !value.isWellFormed();
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(hasLoneSurrogate);
  return Object.entries(value).some(([key, item]) => !key.isWellFormed() || hasLoneSurrogate(item));
}

const invalid = (message: string): EtapError => new EtapError('ETAP_ERR_INVALID_REQUEST', message);
