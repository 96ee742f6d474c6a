import { typedWords } from './arguments.js';
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

// Who ends before it is known how has not succeeded.
process.exitCode = 1;
void runProgram(typedWords(process.argv), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  onSignal: onProcessSignal,
}).then((code) => {
  process.exitCode = code === 0 && isOutputLost ? 1 : code;
});
