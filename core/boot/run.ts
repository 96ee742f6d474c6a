import { spawnSync } from 'node:child_process';
import { XspliceError } from '../findings/index.js';

/** Something that a machine needs to be booted is missing here. */
export class Unavailable extends XspliceError {
  constructor(message: string) {
    super('rehearsal-unavailable', message);
  }
}

/** What env says where there is no such program. */
const NOT_FOUND = 127;

/** Runs a program to its end, in English, and gives its standard output. Fails with its standard error. */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly input?: Buffer; readonly okStatuses?: number[] } = {},
): Buffer {
  const words = ['LC_ALL=C', 'DEBIAN_FRONTEND=noninteractive', command, ...args];
  const result = spawnSync('env', words, {
    cwd: options.cwd,
    input: options.input,
    maxBuffer: 1024 * 1024 * 1024,
  });
  if (result.error) throw new Unavailable(`env could not be started: ${result.error.message}`);
  const said = result.stderr.toString('utf8').trim().split('\n').slice(-8).join('\n');
  if (result.status === NOT_FOUND && said.startsWith('env:')) {
    throw new Unavailable(`${command} is not installed on this machine`);
  }
  if (result.status === null || !(options.okStatuses ?? [0]).includes(result.status)) {
    throw new Unavailable(`${command} ${args.join(' ')} ended with ${result.status}:\n${said}`);
  }
  return result.stdout;
}

/** True when the program is found on the PATH. */
export function isInstalled(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined;
}
