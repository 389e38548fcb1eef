/**
 * The key file: one key a line, or, where its name ends in `.yaml`, `.yml` or `.json`, a list `keys`
 * with a name, a digest and what the key may do.
 */
import { readFileSync } from 'node:fs';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { parseDocument } from 'yaml';
import { EtapError } from '../errors.ts';
import {
  type ApiKey,
  digestOf,
  KEY_NAME,
  KEY_SCOPES,
  type KeyLimits,
  nameOfDigest,
  plainKey,
} from './api-key.ts';

/** What a bearer token may consist of. */
const KEY = '^[\\x21-\\x7e]{1,512}$';
const NAME = KEY_NAME.source;
const KEYS_MAX = 10_000;
const RATE_MAX = 1_000_000_000;

const limit = Type.Optional(
  Type.Union([Type.Integer({ minimum: 1, maximum: RATE_MAX }), Type.Null()]),
);

const Entry = Type.Object(
  {
    name: Type.String({ pattern: NAME }),
    tenant: Type.Optional(Type.String({ pattern: NAME })),
    /** The key itself, or better its digest. */
    key: Type.Optional(Type.String({ pattern: KEY })),
    sha256: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$' })),
    scopes: Type.Optional(Type.Array(Type.Enum([...KEY_SCOPES]), { minItems: 1 })),
    priority: Type.Optional(Type.Integer({ minimum: 0, maximum: 7 })),
    requestsPerMinute: limit,
    tokensPerMinute: limit,
    concurrentRequests: limit,
    expires: Type.Optional(Type.String({ minLength: 1 })),
  },
  { additionalProperties: false },
);
type Entry = Static<typeof Entry>;

const FIELDS = Object.keys(Entry.properties);

/** Throws ETAP_ERR_CONFIG when the file cannot be read or an entry is bad. */
export function readKeyFile(path: string, defaults: KeyLimits): readonly ApiKey[] {
  const text = readText(path);
  const keys = /\.(ya?ml|json)$/i.test(path)
    ? parseEntries(text, path, defaults)
    : parseLines(text, path).map((key) => plainKey(key, defaults));
  if (keys.length === 0) throw keyError(`found no key in ${path}`);
  return keys;
}

/** A key of the configuration. Throws ETAP_ERR_CONFIG where no header can carry it. */
export function checkKey(key: string): string {
  if (new RegExp(KEY).test(key)) return key;
  throw new EtapError(
    'ETAP_ERR_CONFIG',
    'server.apiKeys: found a key with spaces or characters beyond ASCII, which no header can ' +
      'carry; use printable ASCII',
  );
}

function parseLines(text: string, path: string): string[] {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length > KEYS_MAX) throw tooMany(lines.length, path);
  return lines.map(checkKey);
}

function parseEntries(text: string, path: string, defaults: KeyLimits): ApiKey[] {
  const document = parseDocument(text, { prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) throw keyError(`${path}: ${error.message}`);
  const found: unknown = document.toJS();
  const entries = (found as { readonly keys?: unknown } | null)?.keys;
  if (!Array.isArray(entries)) throw keyError(`${path}: found no list \`keys\``);
  if (entries.length > KEYS_MAX) throw tooMany(entries.length, path);
  const keys = entries.map((entry, index) =>
    toKey(checkEntry(entry, `${path}: keys[${index}]`), `${path}: keys[${index}]`, defaults),
  );
  checkUnique(keys, path);
  return keys;
}

/** Says which field is wrong; what it held may be a secret and is not shown. */
function checkEntry(entry: unknown, where: string): Entry {
  if (Value.Check(Entry, entry)) {
    if ((entry.key === undefined) !== (entry.sha256 === undefined)) return entry;
    throw keyError(`${where}: give either \`sha256\`, or \`key\``);
  }
  if (typeof entry !== 'object' || entry === null) throw keyError(`${where}: found no object`);
  const unknown = Object.keys(entry).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined) {
    throw keyError(`${where}: found an unknown field, allowed are ${FIELDS.join(', ')}`);
  }
  const [problem] = Value.Errors(Entry, entry);
  const field = problem?.instancePath.split('/')[1] ?? 'name';
  throw keyError(`${where}: \`${field}\` is missing or has a bad value; see docs/keys.md`);
}

function toKey(entry: Entry, where: string, defaults: KeyLimits): ApiKey {
  const digest =
    entry.key !== undefined ? digestOf(entry.key) : Buffer.from(entry.sha256 ?? '', 'hex');
  const limits = {
    requestsPerMinute: given(entry.requestsPerMinute, defaults.requestsPerMinute),
    tokensPerMinute: given(entry.tokensPerMinute, defaults.tokensPerMinute),
    concurrentRequests: given(entry.concurrentRequests, defaults.concurrentRequests),
  };
  return {
    digest,
    name: entry.name,
    tenant: entry.tenant ?? entry.name,
    scopes: entry.scopes ?? ['infer'],
    priority: entry.priority ?? null,
    limits,
    expiresAtMs: entry.expires === undefined ? null : parseTime(entry.expires, where),
  };
}

/** `null` in the file lifts a limit that holds for all others. */
const given = (own: number | null | undefined, common: number | null): number | null =>
  own === undefined ? common : own;

function parseTime(text: string, where: string): number {
  const ms = Date.parse(text);
  if (Number.isFinite(ms)) return ms;
  throw keyError(`${where}: \`expires\` is no date; write it as 2027-01-31 or with a time`);
}

function checkUnique(keys: readonly ApiKey[], path: string): void {
  const names = new Set<string>();
  const digests = new Set<string>();
  for (const { name, digest } of keys) {
    if (names.has(name)) throw keyError(`${path}: the name ${name} stands there twice`);
    if (digests.has(nameOfDigest(digest))) {
      throw keyError(`${path}: the key of ${name} stands there twice`);
    }
    names.add(name);
    digests.add(nameOfDigest(digest));
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw keyError(`cannot read it: ${reason}`);
  }
}

const tooMany = (count: number, path: string): EtapError =>
  keyError(`found ${count} keys in ${path}, allowed are at most ${KEYS_MAX}`);

const keyError = (problem: string): EtapError =>
  new EtapError('ETAP_ERR_CONFIG', `server.apiKeyFile: ${problem}`, 'server.apiKeyFile');
