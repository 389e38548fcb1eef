/** Many sockets that stream responses at once, each event checked against what must come next. */
import { WebSocket } from 'ws';

type Event = {
  readonly type: string;
  readonly sequence_number?: number;
  readonly delta?: string;
  readonly text?: string;
  readonly stream_id?: string;
  readonly response?: { readonly status: string; readonly output: readonly OutputItem[] };
};
type OutputItem = { readonly content?: readonly { readonly text: string }[] };

export type StreamRequest = { readonly input: string; readonly seed: number };

/** Fields of every request: what it says depends on its prompt and seed alone. */
export const fieldsOf = ({ input, seed }: StreamRequest, tokens: number) => ({
  input,
  seed,
  max_output_tokens: tokens,
  ignore_eos: true,
  store: false,
});

/** Opens every socket, then lets all of them stream; resolves to the text of each. */
export async function streamAll(
  url: string,
  requests: readonly StreamRequest[],
  tokens: number,
): Promise<readonly string[]> {
  const sockets = await Promise.all(requests.map(() => opened(url)));
  try {
    return await Promise.all(
      sockets.map((socket, index) => {
        const request = requests[index];
        if (request === undefined) throw new RangeError(`no request ${index}`);
        const streamId = `s${index}`;
        const text = textOf(socket, streamId);
        socket.send(
          JSON.stringify({
            type: 'response.create',
            stream_id: streamId,
            ...fieldsOf(request, tokens),
          }),
        );
        return text;
      }),
    );
  } finally {
    for (const socket of sockets) socket.close();
  }
}

function opened(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url.replace(/^http/, 'ws'));
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket));
    socket.once('error', reject);
  });
}

/** Follows one response. Rejects at the first event that is lost, doubled, reordered or not its own. */
function textOf(socket: WebSocket, streamId: string): Promise<string> {
  let expected = 0;
  let text = '';
  return new Promise((resolve, reject) => {
    socket.on('close', (code) => reject(new Error(`${streamId} was closed with ${code}`)));
    socket.on('message', (data) => {
      const event = JSON.parse(String(data)) as Event;
      if (event.stream_id !== streamId || event.sequence_number !== expected++) {
        reject(new Error(`${streamId}: found ${String(data).slice(0, 200)}`));
      }
      if (event.type === 'response.output_text.delta') text += event.delta;
      if (event.type === 'response.output_text.done' && event.text !== text) {
        reject(new Error(`${streamId}: the deltas are not the text`));
      }
      if (event.type === 'response.failed') reject(new Error(`${streamId} failed`));
      if (!/^response\.(completed|incomplete)$/.test(event.type)) return;
      if (wholeText(event) !== text) reject(new Error(`${streamId}: the end is not the deltas`));
      resolve(text);
    });
  });
}

const wholeText = ({ response }: Event): string =>
  (response?.output ?? []).map(({ content }) => content?.[0]?.text ?? '').join('');
