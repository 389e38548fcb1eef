/** The same request as a program. The key is read from the environment, never written out. */

export const CODE_LANGUAGES = ['curl', 'Python', 'TypeScript'] as const;
export type CodeLanguage = (typeof CODE_LANGUAGES)[number];

type Body = Readonly<Record<string, unknown>>;

/** Fields that the OpenAI libraries have no name for. */
const EXTENSIONS: ReadonlySet<string> = new Set(['chat_template_kwargs']);

/** @param origin URL of the server, without a slash at the end */
export function asCode(language: CodeLanguage, body: Body, origin: string): string {
  switch (language) {
    case 'curl':
      return asCurl(body, origin);
    case 'Python':
      return asPython(body, origin);
    case 'TypeScript':
      return asTypeScript(body, origin);
  }
}

function asCurl(body: Body, origin: string): string {
  const json = JSON.stringify({ ...body, stream: true }, null, 2);
  return [
    `curl -N ${origin}/v1/chat/completions \\`,
    "  -H 'content-type: application/json' \\",
    '  -H "authorization: Bearer $ETAP_API_KEY" \\',
    `  -d '${json.replaceAll("'", "'\\''")}'`,
  ].join('\n');
}

function asPython(body: Body, origin: string): string {
  const { known, extra } = apart(body);
  const fields = Object.entries(known).map(([name, value]) => `    ${name}=${python(value, 4)},`);
  return [
    'import os',
    '',
    'from openai import OpenAI',
    '',
    'client = OpenAI(',
    `    base_url="${origin}/v1",`,
    '    api_key=os.environ.get("ETAP_API_KEY", "none"),',
    ')',
    'stream = client.chat.completions.create(',
    ...fields,
    ...(extra === null ? [] : [`    extra_body=${python(extra, 4)},`]),
    '    stream=True,',
    ')',
    'for chunk in stream:',
    '    if chunk.choices:',
    '        print(chunk.choices[0].delta.content or "", end="", flush=True)',
  ].join('\n');
}

function asTypeScript(body: Body, origin: string): string {
  const { known, extra } = apart(body);
  const fields = Object.entries(known).map(
    ([name, value]) => `  ${name}: ${JSON.stringify(value, null, 2).replaceAll('\n', '\n  ')},`,
  );
  // Spread, so that the compiler does not look for fields it does not know.
  const spread = extra === null ? [] : [`  ...(${JSON.stringify(extra)} as object),`];
  return [
    "import OpenAI from 'openai';",
    '',
    'const client = new OpenAI({',
    `  baseURL: '${origin}/v1',`,
    "  apiKey: process.env.ETAP_API_KEY ?? 'none',",
    '});',
    'const stream = await client.chat.completions.create({',
    ...fields,
    ...spread,
    '  stream: true,',
    '});',
    'for await (const chunk of stream) {',
    "  process.stdout.write(chunk.choices[0]?.delta.content ?? '');",
    '}',
  ].join('\n');
}

function apart(body: Body): { readonly known: Body; readonly extra: Body | null } {
  const entries = Object.entries(body);
  const extra = entries.filter(([name]) => EXTENSIONS.has(name));
  const known = entries.filter(([name]) => !EXTENSIONS.has(name));
  return {
    known: Object.fromEntries(known),
    extra: extra.length === 0 ? null : Object.fromEntries(extra),
  };
}

/** A JSON value as a Python literal. JSON strings are Python strings as they are. */
function python(value: unknown, indent: number): string {
  const inner = ' '.repeat(indent + 4);
  const close = `\n${' '.repeat(indent)}`;
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (value === null) return 'None';
  if (Array.isArray(value)) {
    const items = value.map((item) => `\n${inner}${python(item, indent + 4)},`);
    return items.length === 0 ? '[]' : `[${items.join('')}${close}]`;
  }
  if (typeof value === 'object') {
    const items = Object.entries(value).map(
      ([name, item]) => `\n${inner}${JSON.stringify(name)}: ${python(item, indent + 4)},`,
    );
    return items.length === 0 ? '{}' : `{${items.join('')}${close}}`;
  }
  return JSON.stringify(value);
}
