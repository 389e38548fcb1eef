/** A WebSocket client that writes its frames by hand, so that it can break every rule of RFC 6455. */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export type FrameOptions = {
  readonly opcode?: number;
  readonly fin?: boolean;
  /** The three reserved bits. */
  readonly reserved?: number;
  readonly masked?: boolean;
  /** Written as the length whatever the payload has. */
  readonly statedLength?: number;
  /** Bytes of the length field: 0 lets the shortest be taken. */
  readonly lengthBytes?: 0 | 2 | 8;
};

/** The bytes of one frame. */
export function frameBytes(payload: Buffer | string, options: FrameOptions = {}): Buffer {
  const { opcode = OPCODE.text, fin = true, reserved = 0, masked = true } = options;
  const body = Buffer.from(payload);
  const length = options.statedLength ?? body.length;
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  const mask = masked ? randomBytes(4) : Buffer.alloc(0);
  const bytes = masked ? body.map((byte, index) => byte ^ (mask[index % 4] ?? 0)) : body;
  return Buffer.concat([
    Buffer.of(first),
    lengthField(length, masked, options.lengthBytes ?? 0),
    mask,
    bytes,
  ]);
}

function lengthField(length: number, masked: boolean, lengthBytes: 0 | 2 | 8): Buffer {
  const bit = masked ? 0x80 : 0;
  if (lengthBytes === 0 && length < 126) return Buffer.of(bit | length);
  if (lengthBytes === 2 || (lengthBytes === 0 && length < 65_536)) {
    const field = Buffer.alloc(3, bit | 126);
    field.writeUInt16BE(length, 1);
    return field;
  }
  const field = Buffer.alloc(9, bit | 127);
  field.writeBigUInt64BE(BigInt(length), 1);
  return field;
}

export type ServerFrame = { readonly opcode: number; readonly payload: Buffer };

export class RawSocket {
  readonly socket: Socket;
  /** Status of the answer to the upgrade. */
  readonly status: Promise<number>;
  /** Resolves when the connection is closed, to its close code; null when there was none. */
  readonly closed: Promise<number | null>;
  readonly frames: ServerFrame[] = [];
  #received: Buffer<ArrayBufferLike> = Buffer.alloc(0);
  #upgraded = false;

  constructor(port: number, path: string, headers: readonly string[] = []) {
    this.socket = connect({ host: '127.0.0.1', port });
    this.socket.on('error', () => {});
    this.socket.write(
      [
        `GET ${path} HTTP/1.1`,
        'host: test',
        'connection: Upgrade',
        'upgrade: websocket',
        'sec-websocket-version: 13',
        `sec-websocket-key: ${randomBytes(16).toString('base64')}`,
        ...headers,
        '',
        '',
      ].join('\r\n'),
    );
    this.status = new Promise((resolve) => {
      this.socket.on('data', (bytes: Buffer) => this.#read(bytes, resolve));
    });
    this.closed = new Promise((resolve) => {
      this.socket.on('close', () => resolve(this.closeCode));
    });
  }

  get closeCode(): number | null {
    const close = this.frames.find(({ opcode }) => opcode === OPCODE.close);
    return close !== undefined && close.payload.length >= 2 ? close.payload.readUInt16BE(0) : null;
  }

  get texts(): string[] {
    return this.frames
      .filter(({ opcode }) => opcode === OPCODE.text)
      .map(({ payload }) => payload.toString());
  }

  write(...frames: readonly Buffer[]): void {
    for (const frame of frames) this.socket.write(frame);
  }

  #read(bytes: Buffer, tellStatus: (status: number) => void): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    if (!this.#upgraded) {
      const end = this.#received.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.#upgraded = true;
      tellStatus(Number(this.#received.toString('latin1', 9, 12)));
      this.#received = this.#received.subarray(end + 4);
    }
    while (this.#takeFrame());
  }

  #takeFrame(): boolean {
    const [first = 0, second = 0] = this.#received;
    if (this.#received.length < 2) return false;
    let start = 2;
    let length = second & 0x7f;
    if (length === 126) {
      if (this.#received.length < 4) return false;
      length = this.#received.readUInt16BE(2);
      start = 4;
    } else if (length === 127) {
      if (this.#received.length < 10) return false;
      length = Number(this.#received.readBigUInt64BE(2));
      start = 10;
    }
    if (this.#received.length < start + length) return false;
    const payload = this.#received.subarray(start, start + length);
    this.frames.push({ opcode: first & 0x0f, payload });
    this.#received = this.#received.subarray(start + length);
    return true;
  }
}
