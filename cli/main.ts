import { runProgram } from './program.js';

// A reader that went away (`| head`) must not stop what is being done to a hypervisor.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

void runProgram(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
