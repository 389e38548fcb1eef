/** A WebSocket client for tests: sends objects, keeps every frame that comes. */
import { WebSocket } from 'ws';

export type Frame = Readonly<Record<string, unknown>> & {
  readonly type?: string;
  readonly stream_id?: string;
  readonly error?: { readonly code: string | null; readonly param: string | null };
};

export class SocketClient {
  readonly socket: WebSocket;
  readonly frames: Frame[] = [];
  /** Resolves when the connection is closed. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data) => this.frames.push(JSON.parse(String(data)) as Frame));
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
    });
  }

  /** Rejects with the status of a refused upgrade. */
  static async open(
    port: number,
    path: string,
    options: {
      readonly headers?: Readonly<Record<string, string>>;
      readonly protocols?: string[];
    } = {},
  ): Promise<SocketClient> {
    const { headers = {}, protocols = [] } = options;
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, { headers });
    const client = new SocketClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return client;
  }

  send(frame: object): void {
    this.socket.send(JSON.stringify(frame));
  }

  /** Frames of one stream; undefined: those without a name. */
  framesOf(streamId?: string): Frame[] {
    return this.frames.filter((frame) => frame.stream_id === streamId);
  }
}
