import { spawn } from 'node:child_process';
import { once } from 'node:events';
import headless from '@xterm/headless';
import { cliEnvironment, TIMEOUT_MS } from './cli.js';

/** More than any screen of the tests has. */
const ROWS = 400;

export interface ScreenOptions {
  readonly columns: number;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** What is typed once a text is seen, in this order. */
  readonly answers?: readonly (readonly [seen: RegExp, typed: string])[];
}

/** What was written to a terminal. */
export interface Written {
  /** The screen as a person sees it: its lines, without the spaces at their ends. */
  readonly screen: string;
  /** All that was sent. */
  readonly raw: string;
  readonly code: number | null;
}

/** Runs a line of shell on a pseudo-terminal, and shows what comes on the screen of a terminal emulator. */
export async function onTerminal(
  line: string,
  { columns, cwd, env = {}, answers = [] }: ScreenOptions,
): Promise<Written> {
  const child = spawn('script', ['-qec', `stty cols ${columns} rows 50; ${line}`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: TIMEOUT_MS,
    ...(cwd === undefined ? {} : { cwd }),
    env: cliEnvironment({ TERM: 'xterm-256color', NO_COLOR: '', SHELL: '/bin/sh', ...env }),
  });
  const terminal = new headless.Terminal({ cols: columns, rows: ROWS, allowProposedApi: true });
  let raw = '';
  let seen = '';
  const left = [...answers];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    raw += text;
    seen += text;
    const [next] = left;
    if (next === undefined || !next[0].test(seen)) return;
    left.shift();
    seen = '';
    child.stdin.write(next[1]);
  });
  const [code] = await once(child, 'close');
  child.stdin.destroy();
  await new Promise<void>((done) => terminal.write(raw, done));
  const { active } = terminal.buffer;
  const lines = Array.from(
    { length: active.length },
    (_, row) => active.getLine(row)?.translateToString(true) ?? '',
  );
  terminal.dispose();
  return { screen: `${lines.join('\n').trimEnd()}\n`, raw, code };
}
