import { runProgram } from '../../cli/program.js';
import { capturedStreams } from '../support/streams.js';

/** How a command ended that was run in this process. */
export interface End {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command without starting a process. */
export async function runHere(words: readonly string[]): Promise<End> {
  const { streams, stdout, stderr } = capturedStreams(process.env);
  const code = await runProgram(words, streams);
  return { code, stdout: stdout(), stderr: stderr() };
}
