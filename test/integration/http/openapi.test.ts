/** The API's own description: valid, complete, and about what really validates. */
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import { openApiDocument } from '../../../src/http/openapi/index.ts';
import { ROUTES } from '../../../src/http/route-table.ts';
import { testServer } from '../../support/http-server.ts';

/** A route's path as OpenAPI writes it. */
const pathOf = (path: string): string => path.replace('*', '{name}').replaceAll(/:(\w+)/g, '{$1}');

describe('/openapi.json', () => {
  it('is a valid OpenAPI 3.1 document', async () => {
    const { app } = testServer({ deps: { apiKeys: ['key'] } });
    const response = await app.inject('/openapi.json');
    expect(response.statusCode).toBe(200);
    const result = await new Validator().validate(response.json());
    expect(result.errors).toBeUndefined();
    expect(result.valid).toBe(true);
  });

  it('describes every route, each with the body that validates it', () => {
    const { paths } = openApiDocument('1');
    for (const { method, path, body } of ROUTES) {
      const operation = paths[pathOf(path)]?.[method.toLowerCase()];
      expect(operation, path).toBeDefined();
      const fields = JSON.stringify(operation?.requestBody ?? {});
      for (const name of Object.keys((body as { properties?: object })?.properties ?? {})) {
        expect(fields, `${path} ${name}`).toContain(`"${name}":`);
      }
    }
  });

  it('gives every operation an id of its own', () => {
    const operations = Object.values(openApiDocument('1').paths).flatMap((path) =>
      Object.values(path),
    );
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('/docs', () => {
  it('shows it in a browser without a key, with a policy that allows no other origin', async () => {
    const { app } = testServer({ deps: { apiKeys: ['key'] } });
    const page = await app.inject('/docs/');
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-type']).toContain('text/html');
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
    expect(page.body).not.toMatch(/(?:src|href)="https?:/);
    const [, script = ''] = /<script src="\.?\/?([^"]*bundle\.js)"/.exec(page.body) ?? [];
    expect((await app.inject(`/docs/${script.replace(/^docs\//, '')}`)).statusCode).toBe(200);
  });

  it('is gone where it is switched off', async () => {
    const { app } = testServer({ config: { server: { apiDocs: false } } });
    for (const url of ['/docs', '/docs/', '/openapi.json']) {
      expect((await app.inject(url)).statusCode).toBe(404);
    }
  });
});
