/** A client that speaks HTTP by hand, so that it can misbehave. */
import { connect, type Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

export async function listen(app: FastifyInstance, port = 0): Promise<number> {
  await app.listen({ host: '127.0.0.1', port });
  const address = app.server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return address.port;
}

export class RawClient {
  readonly socket: Socket;
  #received: Buffer[] = [];
  #closed = false;

  constructor(port: number) {
    this.socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.#closed = true;
    });
    this.socket.on('end', () => this.socket.end());
    this.resume();
  }

  /** Everything that arrived so far. */
  get received(): string {
    return this.#bytes().toString();
  }

  /** The body of the one response that arrived, its chunks joined. */
  get body(): string {
    const bytes = this.#bytes();
    const pieces: Buffer[] = [];
    let start = bytes.indexOf('\r\n\r\n') + 4;
    for (;;) {
      const end = bytes.indexOf('\r\n', start);
      const size = Number.parseInt(bytes.toString('latin1', start, end), 16);
      if (end < 0 || !(size > 0)) return Buffer.concat(pieces).toString();
      pieces.push(bytes.subarray(end + 2, end + 2 + size));
      start = end + 2 + size + 2;
    }
  }

  get closed(): boolean {
    return this.#closed;
  }

  resume(): void {
    this.socket.on('data', (bytes: Buffer) => this.#received.push(bytes));
  }

  #bytes(): Buffer {
    this.#received = [Buffer.concat(this.#received)];
    return this.#received[0] ?? Buffer.alloc(0);
  }

  /** Takes nothing more from the socket. */
  stall(): void {
    this.socket.removeAllListeners('data');
    this.socket.pause();
  }

  post(path: string, body: object, headers: Readonly<Record<string, string>> = {}): void {
    const payload = JSON.stringify(body);
    this.send([
      `POST ${path} HTTP/1.1`,
      'host: test',
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(payload)}`,
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      '',
      payload,
    ]);
  }

  get(path: string): void {
    this.send([`GET ${path} HTTP/1.1`, 'host: test', '', '']);
  }

  send(lines: readonly string[]): void {
    this.socket.write(lines.join('\r\n'));
  }
}
