import { describe, expect, it } from 'vitest';
import { ProgressLine, readyLines, serverUrl } from '../../src/start-report.ts';
import { configFrom } from '../support/engine-fixtures.ts';

const MIB = 1024 * 1024;

function recorded(isTTY: boolean) {
  const texts: string[] = [];
  const line = new ProgressLine({ isTTY, write: (text) => texts.push(text) });
  const show = (stage: string, done: number) =>
    line.show({ stage, doneBytes: done * MIB, totalBytes: 100 * MIB });
  return { texts, line, show };
}

describe('progress of the load', () => {
  it('moves one line on a terminal and clears it', () => {
    const { texts, line, show } = recorded(true);
    for (const done of [0, 0.4, 1, 2]) show('weights', done);
    line.clear();
    expect(texts).toEqual([
      '\r\x1b[Kloading   weights 0 % of 100.0 MiB',
      '\r\x1b[Kloading   weights 1 % of 100.0 MiB',
      '\r\x1b[Kloading   weights 2 % of 100.0 MiB',
      '\r\x1b[K',
    ]);
  });

  it('keeps remarks, such as why the GPU is not used', () => {
    const remark = { stage: 'on the CPU: no GPU', doneBytes: 0, totalBytes: -1 };
    const terminal = recorded(true);
    terminal.show('weights', 1);
    terminal.line.show(remark);
    expect(terminal.texts[1]).toBe('\r\x1b[Knote      on the CPU: no GPU\n');
    const file = recorded(false);
    file.line.show(remark);
    expect(file.texts).toEqual(['note      on the CPU: no GPU\n']);
  });

  it('is a few lines elsewhere', () => {
    const { texts, show } = recorded(false);
    for (let done = 0; done <= 100; done++) show('weights', done);
    show('warm-up', 0);
    expect(texts.map((text) => /(\S+) (\d+) %/.exec(text)?.slice(1).join(' '))).toEqual([
      'weights 0',
      'weights 25',
      'weights 50',
      'weights 75',
      'weights 100',
      'warm-up 0',
    ]);
  });
});

describe('the URL', () => {
  it.each([
    ['127.0.0.1', 'http://127.0.0.1:80'],
    ['0.0.0.0', 'http://localhost:80'],
    ['::', 'http://localhost:80'],
    ['::1', 'http://[::1]:80'],
  ])('for %s is %s', (host, url) => {
    expect(serverUrl({ ...configFrom().server, host, port: 80 })).toBe(url);
  });
});

describe('the first request', () => {
  const address = { url: 'http://u', hasChatTemplate: true, needsKey: true };

  it('quotes the model name for the shell', () => {
    const [, line] = readyLines({ ...address, modelName: "it's" });
    expect(line).toContain(`"model":"it'\\''s"`);
    expect(line).toContain('authorization: Bearer KEY');
    expect(line).toContain('/v1/chat/completions');
  });

  it('is a completion where there is no chat template', () => {
    const [, line] = readyLines({ ...address, modelName: 'm', hasChatTemplate: false });
    expect(line).toContain('/v1/completions');
  });
});
