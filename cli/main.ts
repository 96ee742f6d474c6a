import { runProgram } from './program.js';
import { onProcessSignal } from './terminal/signals.js';

// Output that fails (a full disk, a reader that went away) must not stop what is being done to a hypervisor.
let isOutputLost = false;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // `| head` has read what it wanted.
  if (error.code === 'EPIPE' || isOutputLost) return;
  isOutputLost = true;
  process.exitCode ||= 1;
  process.stderr.write(`xsplice-ts: standard output cannot be written: ${error.code}\n`);
});
// There is nowhere left to say it.
process.stderr.on('error', () => undefined);

/** What was typed; where Node has lost bytes that are no UTF-8, as Linux has it. */
async function typedWords(): Promise<readonly string[]> {
  const words = process.argv.slice(2);
  if (!words.some((word) => word.includes('\ufffd'))) return words;
  const { rawWords } = await import('./raw-words.js');
  return rawWords(words);
}

// Who ends before it is known how has not succeeded.
process.exitCode = 1;
const streams = {
  // Made only for who reads it.
  get stdin() {
    return process.stdin;
  },
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  onSignal: onProcessSignal,
};
void typedWords()
  .then((words) => runProgram(words, streams))
  .then((code) => {
    process.exitCode = code === 0 && isOutputLost ? 1 : code;
  });
