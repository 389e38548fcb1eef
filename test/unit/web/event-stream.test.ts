import { describe, expect, it } from 'vitest';
import { eventData } from '../../../src/web/api/event-stream.ts';

async function read(text: string, pieceLength: number): Promise<string[]> {
  const bytes = new TextEncoder().encode(text);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += pieceLength) {
        controller.enqueue(bytes.slice(at, at + pieceLength));
      }
      controller.close();
    },
  });
  const events: string[] = [];
  for await (const data of eventData(body)) events.push(data);
  return events;
}

const TEXT = ': ping\n\ndata: {"a":"héllo 😀"}\n\nevent: x\ndata:two\r\n\r\ndata: [DONE]\n\n';

describe('eventData', () => {
  it.each([1, 2, 3, 5, 7, 1000])('reads events cut into pieces of %d bytes', async (length) => {
    expect(await read(TEXT, length)).toEqual(['{"a":"héllo 😀"}', 'two', '[DONE]']);
  });

  it('gives the body back when its reader stops', async () => {
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode('data: 1\n\n')),
      cancel: () => {
        cancelled = true;
      },
    });
    for await (const data of eventData(body)) {
      expect(data).toBe('1');
      break;
    }
    expect(cancelled).toBe(true);
  });
});
