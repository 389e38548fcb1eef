import { expect, it, vi } from 'vitest';
import { openTracing } from '../../../src/tracing/index.ts';
import { configFrom } from '../../support/engine-fixtures.ts';

it('says what to install where the optional packages are missing, and needs them only then', async () => {
  vi.doMock('@opentelemetry/sdk-trace', () => {
    throw new Error('not found');
  });
  expect(await openTracing(configFrom().tracing, '1')).toBeNull();
  const { tracing } = configFrom('--tracing.endpoint', 'http://127.0.0.1:4318');
  const message = expect.stringContaining('npm install');
  await expect(openTracing(tracing, '1')).rejects.toMatchObject({
    code: 'ETAP_ERR_CONFIG',
    message,
  });
  vi.doUnmock('@opentelemetry/sdk-trace');
});
