/** docs/api.md and docs/errors.md say what the code does. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERROR_TABLE } from '../../../src/errors.ts';
import {
  ChatBody,
  CompletionBody,
  refusedFields,
  refuseUnsupported,
} from '../../../src/http/openai/index.ts';
import { ResponsesBody } from '../../../src/http/responses/index.ts';
import { ROUTES } from '../../../src/http/route-table.ts';
import { renderApiDocument } from '../../../tools/docs/api-document.ts';
import { testServer } from '../../support/http-server.ts';

const committed = (path: string): string =>
  readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

/** Cells of the table rows of a page that begin with a name in backquotes. */
const tableRows = (text: string): string[][] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );

describe('docs/api.md', () => {
  it('is up to date with the schemas', () => {
    expect(committed('docs/api.md')).toBe(renderApiDocument());
  });

  it('lists every route of the server, and no other', async () => {
    const { app } = testServer();
    await app.ready();
    expect(ROUTES.filter(({ method, path }) => !app.hasRoute({ method, url: path }))).toEqual([]);
    const printed = testServer({ config: { server: { apiDocs: false } } }).app;
    await printed.ready();
    const table = printed.printRoutes({ commonPrefix: false });
    const methods = [...table.matchAll(/\(([A-Z, ]+)\)/g)].flatMap(([, list = '']) =>
      list.split(', '),
    );
    // /openapi.json is the route of the table that was switched off here.
    expect(ROUTES).toHaveLength(methods.filter((method) => method !== 'HEAD').length + 1);
  });

  it('says of every field what it does', () => {
    for (const { properties } of [ChatBody, CompletionBody, ResponsesBody]) {
      for (const [name, field] of Object.entries(properties)) {
        const { description } = field as { readonly description?: string };
        expect(description, name).toMatch(/^\S.*\.$/);
      }
    }
  });

  it('names only values as accepted that are', () => {
    const bodies = [ResponsesBody, CompletionBody, ChatBody];
    const schemas = Object.assign({}, ...bodies.map(({ properties }) => properties)) as object;
    const names = [...new Set(bodies.flatMap(refusedFields))];
    const examples: Readonly<Record<string, unknown>> = {
      'an empty list': [],
      'an empty string': '',
      false: false,
      true: true,
      1: 1,
      '`none`': 'none',
      '`{"type":"text"}`': { type: 'text' },
      '`["text"]`': ['text'],
    };
    for (const name of names) {
      const field = Object.entries(schemas).find(([key]) => key === name)?.[1];
      const { description = '' } = (field ?? {}) as { readonly description?: string };
      const promise = / (?:is|are) accepted\.$/.test(description);
      const example = Object.entries(examples).find(([text]) =>
        new RegExp(
          `(?:^|[ ;])${text.replaceAll(/[[\]{}]/g, '\\$&')}(?: and \`auto\`)? (?:is|are) accepted`,
        ).test(description),
      );
      expect(example !== undefined, name).toBe(promise);
      if (example !== undefined) refuseUnsupported({ [name]: example[1] }, [name]);
      const refuse = () => refuseUnsupported({ [name]: { anything: 'else' } }, [name]);
      expect(refuse).toThrow(
        expect.objectContaining({ code: 'ETAP_ERR_NOT_SUPPORTED', param: name }),
      );
    }
  });
});

describe('docs/errors.md', () => {
  const rows = tableRows(committed('docs/errors.md'));

  it('lists every error with its status, type and code, and no other', () => {
    const documented = Object.fromEntries(
      rows.map(([name = '', ...cells]) => {
        if (cells.length < 5) return [name, { status: 0 }];
        const [status, type, slug] = cells;
        return [name, { status: Number(status), type, slug: slug === '-' ? null : slug }];
      }),
    );
    const coded = Object.fromEntries(
      Object.entries(ERROR_TABLE).map(([name, row]) => [
        name,
        row.status === 0 ? { status: 0 } : row,
      ]),
    );
    expect(documented).toEqual(coded);
  });

  it('says when each is met and what to do', () => {
    expect(rows.flat().filter((cell) => cell === '')).toEqual([]);
  });
});
