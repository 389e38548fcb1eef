/** Runs a command to its end. */
import { spawn } from 'node:child_process';

export type CommandEnd = { readonly code: number | null; readonly output: string };

/** Standard output and error together; `input` goes to standard input. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: { readonly input?: string; readonly cwd?: string } = {},
): Promise<CommandEnd> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'pipe', ...(options.cwd && { cwd: options.cwd }) });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    }
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}
