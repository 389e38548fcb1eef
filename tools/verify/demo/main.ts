/**
 * `npm run verify:demo [MODEL_DIR]`: asks the served demo model every held-out item of its
 * tasks.json through the HTTP API with the openai client, greedily, and prints the share it answers
 * exactly. Exits 1 when addition or lookup falls below what the model card promises.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import OpenAI from 'openai';
import { startServer } from '../server.ts';

const DEFAULT_MODEL = 'models/demo';
const CONCURRENCY = 16;
const ANSWER_TOKENS_MAX = 512;
/** Least share of exact answers by task. */
const PROMISED: Readonly<Record<string, number>> = { addition: 0.95, lookup: 0.95 };

type ToolCall = { readonly function: { readonly name: string; readonly arguments: string } };

type Answer = {
  readonly content?: string | null;
  readonly reasoning_content?: string | null;
  readonly tool_calls?: readonly ToolCall[];
};

type Task = {
  readonly id: string;
  readonly task: string;
  readonly messages: OpenAI.ChatCompletionMessageParam[];
  readonly thinking: boolean;
  readonly tools?: OpenAI.ChatCompletionTool[];
  readonly expected: Answer;
};

/** What has to be equal: the visible text, and the calls with their arguments as JSON values. */
function comparable({ content, tool_calls }: Answer): string {
  const calls = (tool_calls ?? []).map((call) => [
    call.function.name,
    JSON.parse(call.function.arguments) as unknown,
  ]);
  return JSON.stringify([(content ?? '').trim(), calls]);
}

type Verdict = 'right' | 'wrong' | 'refused';

/** 'refused' is the server's word that it does not support what the task needs. */
async function judge(client: OpenAI, model: string, task: Task): Promise<Verdict> {
  try {
    return (await isRight(client, model, task)) ? 'right' : 'wrong';
  } catch (error) {
    const refused = error instanceof OpenAI.APIError && error.code === 'unsupported_parameter';
    if (refused) return 'refused';
    throw error;
  }
}

async function isRight(client: OpenAI, model: string, task: Task): Promise<boolean> {
  const body = {
    model,
    messages: task.messages,
    temperature: 0,
    max_tokens: ANSWER_TOKENS_MAX,
    chat_template_kwargs: { thinking: task.thinking },
    ...(task.tools === undefined ? {} : { tools: task.tools }),
  };
  const completion = await client.chat.completions.create(body);
  const [choice] = completion.choices;
  if (choice === undefined) return false;
  try {
    return comparable(choice.message as Answer) === comparable(task.expected);
  } catch {
    return false;
  }
}

/** Runs `work` for every item, a few at a time. */
async function forEachTogether<T>(items: readonly T[], work: (item: T) => Promise<void>) {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}

async function main(): Promise<number> {
  const [modelDir = DEFAULT_MODEL, ...flags] = process.argv.slice(2);
  const tasks = JSON.parse(readFileSync(join(modelDir, 'tasks.json'), 'utf8')) as Task[];
  const server = await startServer([modelDir, ...flags]);
  const scores = new Map<string, Score>();
  try {
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
    const model = (await client.models.list()).data[0]?.id ?? '';
    await forEachTogether(tasks, async (task) => {
      const name = task.thinking ? `${task.task}, thinking` : task.task;
      const score = scores.get(name) ?? { items: 0, right: 0, wrong: 0, refused: 0 };
      scores.set(name, score);
      score.items++;
      score[await judge(client, model, task)]++;
    });
  } finally {
    await server.stop();
  }
  return report(scores);
}

type Score = { items: number; right: number; wrong: number; refused: number };

function report(scores: ReadonlyMap<string, Score>): number {
  const rows = [...scores].map(([task, { items, right, refused }]) => ({
    task,
    items,
    right,
    refused,
    share: `${((100 * right) / items).toFixed(1)} %`,
  }));
  console.table(rows);
  const failed = Object.entries(PROMISED).filter(([task, promised]) => {
    const score = scores.get(task);
    return score === undefined || score.right < promised * score.items;
  });
  for (const [task, promised] of failed) {
    console.log(`FAILED: ${task} is below ${100 * promised} %`);
  }
  if (failed.length === 0) console.log('the demo model answers as its card promises');
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = await main();
