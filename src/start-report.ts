/** What `etap serve` tells a person on stderr: settings, progress of the load, and where it is. */
import { type Assignment, type Config, describeAssignments } from './config/index.ts';
import type { EngineInfo, LoadProgress } from './engine/index.ts';

const MIB = 1024 * 1024;
const MS_PER_SECOND = 1000;
const PERCENT = 100;
/** Where no terminal shows a moving line, progress is a line of its own at each such step. */
const PERCENT_BETWEEN_LINES = 25;

export type Output = {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
};

/** The settings that are not left at their default, each with its source. */
export function settingLines(version: string, assignments: readonly Assignment[]): string[] {
  return [`etap ${version}`, ...describeAssignments(assignments).map((line) => `  ${line}`)];
}

/** What the model turned out to be and how much fits. */
export function engineLines(info: EngineInfo): string[] {
  const { backend, isa, dtype, threadCount, tensorParallelSize, blockCount, blockSize } = info;
  const ranks = tensorParallelSize > 1 ? `, ${tensorParallelSize} ranks` : '';
  const weights = `${(info.weightBytes / MIB).toFixed(1)} MiB of weights`;
  const tokens = formatCount(blockCount * blockSize);
  const kvBytes = blockCount * blockSize * info.kvBytesPerToken;
  return [
    `engine    ${backend} (${isa}), ${dtype}, ${threadCount} threads${ranks}`,
    `model     ${info.layerCount} layers, ${weights}, loaded in ${seconds(info.loadMs)} s`,
    `KV cache  ${formatCount(blockCount)} blocks of ${blockSize}: ${tokens} tokens in ` +
      `${(kvBytes / MIB).toFixed(1)} MiB`,
    `limits    ${formatCount(info.maxModelLen)} tokens of context, ${info.slotCount} sequences at a time`,
  ];
}

export type Address = {
  readonly url: string;
  readonly modelName: string;
  readonly hasChatTemplate: boolean;
  readonly needsKey: boolean;
};

/** Where the server listens and a first request to copy. */
export function readyLines({ url, modelName, hasChatTemplate, needsKey }: Address): string[] {
  const body = hasChatTemplate
    ? { model: modelName, messages: [{ role: 'user', content: 'Hello!' }] }
    : { model: modelName, prompt: 'Once upon a time', max_tokens: 32 };
  const path = hasChatTemplate ? '/v1/chat/completions' : '/v1/completions';
  const key = needsKey ? ` -H 'authorization: Bearer KEY'` : '';
  return [
    `ready     ${url}`,
    `try       curl ${url}${path}${key} -H 'content-type: application/json' ` +
      `-d ${shellQuote(JSON.stringify(body))}`,
  ];
}

/** The URL a person on this machine can open. */
export function serverUrl({ host, port, tlsCertFile }: Config['server']): string {
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  const scheme = tlsCertFile === null ? 'http' : 'https';
  return `${scheme}://${name.includes(':') ? `[${name}]` : name}:${port}`;
}

/** One line that moves on a terminal, a few lines elsewhere. */
export class ProgressLine {
  readonly #output: Output;
  #stage = '';
  #shownPercent = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  show({ stage, doneBytes, totalBytes }: LoadProgress): void {
    if (totalBytes < 0) {
      // A remark, such as why the GPU is not used: it stays.
      this.#output.write(`${this.#output.isTTY === true ? '\r\x1b[K' : ''}note      ${stage}\n`);
      return;
    }
    const percent = totalBytes > 0 ? Math.floor((PERCENT * doneBytes) / totalBytes) : 0;
    const isNewStage = stage !== this.#stage;
    if (!isNewStage && percent === this.#shownPercent) return;
    const stepped = percent >= this.#shownPercent + PERCENT_BETWEEN_LINES || percent === PERCENT;
    if (this.#output.isTTY !== true && !isNewStage && !stepped) return;
    this.#stage = stage;
    this.#shownPercent = percent;
    const size = totalBytes > 0 ? ` ${percent} % of ${(totalBytes / MIB).toFixed(1)} MiB` : '';
    this.#output.write(
      this.#output.isTTY === true
        ? `\r\x1b[Kloading   ${stage}${size}`
        : `loading   ${stage}${size}\n`,
    );
  }

  /** Makes room for other lines. */
  clear(): void {
    if (this.#output.isTTY === true && this.#stage !== '') this.#output.write('\r\x1b[K');
    this.#stage = '';
  }
}

const seconds = (ms: number): string => (ms / MS_PER_SECOND).toFixed(1);

const formatCount = (count: number): string => count.toLocaleString('en-US');

const shellQuote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
