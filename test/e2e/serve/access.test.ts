/** Keys and certificate of a running server, read again on SIGHUP. */
import { copyFileSync, mkdtempSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { CliProcess, ServedProcess, until } from '../../support/served-process.ts';

const TLS = 'test/support/tls';
const folder = (): string => mkdtempSync(join(tmpdir(), 'etap-access-'));

/** Status, and the name in the certificate, of a request over TLS. */
function ask(url: string, key: string): Promise<{ status: number; name: string }> {
  return new Promise((resolve, reject) => {
    const options = {
      headers: { authorization: `Bearer ${key}` },
      rejectUnauthorized: false,
      agent: false,
    };
    request(`${url}/v1/models`, options, (response) => {
      const name = String((response.socket as TLSSocket).getPeerCertificate().subject.CN);
      response.resume();
      response.on('end', () => resolve({ status: response.statusCode ?? 0, name }));
    })
      .on('error', reject)
      .end();
  });
}

describe('a server with keys and TLS', () => {
  it('takes new keys and a new certificate on SIGHUP, and keeps the old where the new are bad', async () => {
    const home = folder();
    const [cert, key, keys] = [join(home, 'cert'), join(home, 'key'), join(home, 'keys.yaml')];
    copyFileSync(`${TLS}/cert.pem`, cert);
    copyFileSync(`${TLS}/key.pem`, key);
    writeFileSync(keys, 'keys: [{name: a, key: first}]');
    const server = await ServedProcess.start(
      ...['--server.tlsCertFile', cert, '--server.tlsKeyFile', key, '--api-key-file', keys],
    );
    expect(server.url).toMatch(/^https:/);
    expect(await ask(server.url, 'first')).toEqual({ status: 200, name: 'localhost' });

    writeFileSync(keys, 'keys: nonsense');
    server.cli.signal('SIGHUP');
    await until(() => /^reloaded +nothing: .*found no list/m.exec(server.cli.stderr)?.[0]);
    expect((await ask(server.url, 'first')).status).toBe(200);

    writeFileSync(keys, 'keys: [{name: b, key: second}]');
    copyFileSync(`${TLS}/next-cert.pem`, cert);
    copyFileSync(`${TLS}/next-key.pem`, key);
    server.cli.signal('SIGHUP');
    await until(() => /^reloaded +1 keys/m.exec(server.cli.stderr)?.[0]);
    expect((await ask(server.url, 'first')).status).toBe(401);
    expect(await ask(server.url, 'second')).toEqual({ status: 200, name: 'next.localhost' });
    server.cli.signal('SIGKILL');
    await server.cli.ended;
  });

  it('refuses a certificate that does not belong to its key', async () => {
    const cli = new CliProcess([
      ...['serve', '--executor', 'simulated', '--port', '0'],
      ...['--server.tlsCertFile', `${TLS}/cert.pem`, '--server.tlsKeyFile', `${TLS}/next-key.pem`],
    ]);
    expect((await cli.ended).code).toBe(2);
    expect(cli.stderr).toContain('certificate and key do not work together');
  });
});

describe('etap key', () => {
  it('prints a key once, and the entry that holds its digest', async () => {
    const cli = new CliProcess(['key', 'alice']);
    expect((await cli.ended).code).toBe(0);
    expect(cli.stdout).toMatch(/^sk-[\w-]{43}\n\n {2}- name: alice\n {4}sha256: [0-9a-f]{64}\n/);
  });

  it('asks for a name', async () => {
    const cli = new CliProcess(['key']);
    expect((await cli.ended).code).toBe(2);
    expect(cli.stderr).toContain('ETAP_ERR_CONFIG: etap key: give one name');
  });
});
