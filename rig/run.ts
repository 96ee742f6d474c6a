import { spawnSync } from 'node:child_process';

/** Something that the rig needs is missing on this machine: said in words, and the exit is not 0. */
export class RigUnavailable extends Error {
  override readonly name = 'RigUnavailable';
}

/** Runs a program to its end and gives its standard output. Fails with its standard error. */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly input?: Buffer; readonly okStatuses?: number[] } = {},
): Buffer {
  const result = spawnSync(command, args, {
    cwd: options.cwd,
    input: options.input,
    maxBuffer: 1024 * 1024 * 1024,
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (result.error) {
    throw new RigUnavailable(`${command} could not be started: ${result.error.message}`);
  }
  if (result.status === null || !(options.okStatuses ?? [0]).includes(result.status)) {
    const said = result.stderr.toString('utf8').trim().split('\n').slice(-8).join('\n');
    throw new RigUnavailable(`${command} ${args.join(' ')} ended with ${result.status}:\n${said}`);
  }
  return result.stdout;
}

/** True when the program is found on the PATH. */
export function isInstalled(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined;
}
