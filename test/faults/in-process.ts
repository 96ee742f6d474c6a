import { runProgram } from '../../cli/program.js';

/** How a command ended that was run in this process. */
export interface End {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command without starting a process. One at a time: what is printed meanwhile is taken for its output. */
export async function runHere(words: readonly string[]): Promise<End> {
  const { stdout, stderr } = process;
  const [writeOut, writeErr] = [stdout.write, stderr.write];
  const text = { out: '', err: '' };
  stdout.write = (chunk: Uint8Array | string): boolean => {
    text.out += Buffer.from(chunk).toString('utf8');
    return true;
  };
  stderr.write = (chunk: Uint8Array | string): boolean => {
    text.err += Buffer.from(chunk).toString('utf8');
    return true;
  };
  try {
    const code = await runProgram(words);
    return { code, stdout: text.out, stderr: text.err };
  } finally {
    stdout.write = writeOut;
    stderr.write = writeErr;
  }
}
