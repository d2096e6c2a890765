import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

/** The program to test with, or the reason why there is none. */
export const program = process.env.JIELONG_PROGRAM ? resolve(process.env.JIELONG_PROGRAM) : '';
export const missingProgram = program ? false : 'set JIELONG_PROGRAM to test with a real server';

export interface RealServer {
  address: string;
  stop(): Promise<void>;
}

/** Starts `jielong serve` on a free port; stop() ends it and waits. */
export async function serve(models: string[], environment: Record<string, string> = {}): Promise<RealServer> {
  const child: ChildProcess = spawn(program, ['serve', ...models, '--port', '0', '--json', '--quiet'], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  let text = '';
  for await (const part of child.stdout!) {
    text += part;
    try {
      const { url } = JSON.parse(text);
      return {
        address: `${url}/`,
        async stop() {
          child.kill('SIGTERM');
          await ended;
        },
      };
    } catch {
      // The rest is still to come.
    }
  }
  throw new Error(`${program} serve ended with ${child.exitCode}: ${text}`);
}
