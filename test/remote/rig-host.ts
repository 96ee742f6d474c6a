import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ArchiveEntry } from '../../core/boot/index.js';
import type { RigHypervisor } from '../../rig/hypervisor.js';
import type { Dom0 } from '../../rig/initramfs.js';
import { Machine } from '../../rig/machine.js';
import { freePort, LISTENING, networkEntries, type Python, readKeys } from '../../rig/network.js';

/** A connection that fails is tried so often. */
const MOST_TRIES = 5;

/** A real Xen whose dom0 is reached over ssh, and nothing else. */
export interface RigHost {
  readonly machine: Machine;
  /** As --host takes it, with the folder of `ssh` before others in PATH. */
  readonly spec: string;
  /** Of this machine; it leads to dom0's sshd. */
  readonly port: number;
  /** Holds a program `ssh` that is the system's, with the configuration of this host. */
  readonly path: string;
  stop(): Promise<void>;
}

function run(command: string, ...words: readonly string[]): void {
  const { status, stderr } = spawnSync(command, words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
}

/** Has `ssh` take this port from now on, in a connection of its own; returns what ends that. */
export function fartherAway({ path }: RigHost, port: number): () => void {
  const config = join(path, 'config');
  const before = readFileSync(config, 'utf8');
  const settings = before.replace(/Port \d+/, `Port ${port}`).replace('/master', '/far');
  writeFileSync(config, settings);
  return () => {
    spawnSync(join(path, 'ssh'), ['-O', 'exit', 'xen']);
    writeFileSync(config, before);
  };
}

/** An emulated machine takes its time for the first handshake; what comes later shares the connection. */
async function openMaster(ssh: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    const options = ['-o', 'ConnectTimeout=120', '-o', 'ServerAliveInterval=0'];
    const { status, stderr } = spawnSync(ssh, [...options, 'xen', 'true'], {
      ...{ encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] },
    });
    if (status === 0) return;
    if (tries === MOST_TRIES) throw new Error(`dom0 does not answer over ssh: ${stderr}`);
    await pause(1000);
  }
}

/** Boots it, with these interpreters and further files in dom0. */
export async function startRigHost(
  hypervisor: RigHypervisor,
  dom0: Dom0,
  pythons: readonly Python[],
  files: readonly ArchiveEntry[] = [],
): Promise<RigHost> {
  const folder = mkdtempSync(join(tmpdir(), 'xsplice-ssh-'));
  const [hostKey, userKey] = [join(folder, 'host'), join(folder, 'user')];
  for (const key of [hostKey, userKey]) {
    run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'rig', '-f', key);
  }
  const port = await freePort();
  const machine = await Machine.start({
    hypervisor: hypervisor.image,
    dom0,
    files: [...(await networkEntries(readKeys(hostKey, userKey), pythons)), ...files],
    command: LISTENING,
    sshPort: port,
  });
  const config = join(folder, 'config');
  writeFileSync(
    config,
    `Host xen\n  HostName 127.0.0.1\n  Port ${port}\n  User root\n  IdentityFile ${userKey}\n  IdentitiesOnly yes\n  StrictHostKeyChecking accept-new\n  UserKnownHostsFile ${join(folder, 'known')}\n  LogLevel ERROR\n  ControlMaster auto\n  ControlPath ${join(folder, 'master')}\n  ControlPersist 600\n`,
  );
  writeFileSync(join(folder, 'ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F ${config} "$@"\n`, {
    mode: 0o755,
  });
  await openMaster(join(folder, 'ssh'));
  return {
    machine,
    spec: 'ssh://xen',
    port,
    path: folder,
    async stop() {
      spawnSync(join(folder, 'ssh'), ['-O', 'exit', 'xen']);
      await machine.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
