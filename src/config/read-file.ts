/** Settings from a YAML file: sections of keys; errors carry the line. */
import { readFileSync } from 'node:fs';
import { isMap, isScalar, LineCounter, type Pair, parseDocument, type YAMLMap } from 'yaml';
import { EtapError } from '../errors.ts';
import { type Assignment, unknownSetting } from './assignment.ts';
import { parseFileValue } from './parse-value.ts';
import { settingAt } from './settings.ts';

/** Settings of the file at `path`. Throws ETAP_ERR_CONFIG. */
export function readConfigFile(path: string): Assignment[] {
  return readConfigText(readText(path), path);
}

/** Settings of YAML text; `name` stands for it in errors. Throws ETAP_ERR_CONFIG. */
export function readConfigText(text: string, name: string): Assignment[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => `${name}:${lines.linePos(offset).line}`;
  const [error] = document.errors;
  if (error !== undefined) throw configError(at(error.pos[0]), error.message);
  if (document.contents === null) return [];
  if (!isMap(document.contents)) throw configError(name, 'found no sections at the top level');
  return document.contents.items.flatMap((section) => readSection(section, at));
}

function readSection(pair: Pair, at: (offset: number) => string): Assignment[] {
  const { name, source } = readKey(pair, at);
  if (isScalar(pair.value) && pair.value.value === null) return [];
  if (!isMap(pair.value)) throw unknownSetting(name, source);
  return pair.value.items.map((item) => readSetting(name, item, at));
}

function readSetting(section: string, pair: Pair, at: (offset: number) => string): Assignment {
  const { name, source } = readKey(pair, at);
  const path = `${section}.${name}`;
  const setting = settingAt(path);
  if (setting === undefined) throw unknownSetting(path, source);
  const found: unknown = (pair.value as YAMLMap | null)?.toJSON() ?? null;
  return { setting, value: parseFileValue(setting, found, source), source };
}

function readKey(pair: Pair, at: (offset: number) => string) {
  const offset = isScalar(pair.key) ? (pair.key.range?.[0] ?? 0) : 0;
  return { name: String(pair.key), source: at(offset) };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw configError(path, `cannot read the configuration file: ${reason}`);
  }
}

const configError = (source: string, problem: string): EtapError =>
  new EtapError('ETAP_ERR_CONFIG', `${source}: ${problem}`);
