import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoName, XEN_ERRNO } from '../../abi/errno.js';
import { reasonOf } from '../../files/index.js';
import { XspliceError } from '../../findings/index.js';
import type { HostMachine } from '../machine.js';
import type { AgentConnection } from './handle/connection.js';
import { localMachine } from './local-machine.js';

/** Where a dom0 shows that it is one; tests name other folders. */
export interface HostPaths {
  /** xenfs, usually /proc/xen. */
  readonly procXen: string;
  /** Xen's device nodes, usually /dev/xen. */
  readonly devXen: string;
}

export const HOST_PATHS: HostPaths = { procXen: '/proc/xen', devXen: '/dev/xen' };

async function readText(machine: HostMachine, path: string): Promise<string | null> {
  const bytes = await machine.read(path);
  return bytes === null ? null : Buffer.from(bytes).toString();
}

/** True when this machine is the control domain of a Xen: what --host defaults to depends on it. */
export async function isDom0(paths: HostPaths = HOST_PATHS): Promise<boolean> {
  const capabilities = await readText(localMachine, join(paths.procXen, 'capabilities'));
  return capabilities?.includes('control_d') ?? false;
}

/** The symbol table of the Xen under this machine, as text for `readXensyms`; null where it cannot be read. */
export async function readRunningSymbols(
  machine: HostMachine,
  paths: HostPaths = HOST_PATHS,
): Promise<string | null> {
  const text = await readText(machine, join(paths.procXen, 'xensyms'));
  return text === '' ? null : text;
}

/**
 * Makes sure that this is a dom0 that may do hypercalls.
 *
 * @throws XspliceError `xen-not-dom0`, `xen-no-device` or `xen-not-root`, each with what to do.
 */
export async function requireDom0(paths: HostPaths = HOST_PATHS): Promise<void> {
  const file = join(paths.procXen, 'capabilities');
  const capabilities = await readText(localMachine, file);
  if (capabilities === null) {
    throw new XspliceError('xen-not-dom0', `This is no dom0: there is no ${file}`, {
      hint: `Use --host embedded:DIR, or run this in dom0. If this is one: mount -t xenfs xenfs ${paths.procXen}`,
    });
  }
  if (!capabilities.includes('control_d')) {
    throw new XspliceError('xen-not-dom0', `This is no dom0: ${file} lacks control_d`);
  }
  const device = join(paths.devXen, 'privcmd');
  try {
    // Opening is the proof: access(2) would ask for the real user, not the effective one.
    await (await open(device, 'r+')).close();
  } catch (cause) {
    const code = reasonOf(cause);
    if (code === 'EACCES' || code === 'EPERM') {
      throw new XspliceError('xen-not-root', `${device} may not be opened: ${code}`, {
        cause,
      });
    }
    const what = code === 'ENOENT' ? `There is no ${device}` : `${device} is no device: ${code}`;
    throw new XspliceError('xen-no-device', what, {
      cause,
    });
  }
}

/**
 * The same of a machine at the other end of a connection, whose agent has opened the device already.
 *
 * @throws XspliceError `xen-not-dom0`, `xen-no-device` or `agent-not-root`.
 */
export async function requireRemoteDom0(
  { spec, hello }: AgentConnection,
  machine: HostMachine,
): Promise<void> {
  if (hello.errno === 0) return;
  const device = JSON.stringify(hello.device).slice(1, -1);
  const reason = errnoName(hello.errno);
  if (hello.errno === XEN_ERRNO.EACCES || hello.errno === XEN_ERRNO.EPERM) {
    const message = `${spec}: ${device} may not be opened by user ${hello.user} there: ${reason}`;
    throw new XspliceError('agent-not-root', message);
  }
  const file = join(HOST_PATHS.procXen, 'capabilities');
  const capabilities = await readText(machine, file);
  if (capabilities === null) {
    throw new XspliceError('xen-not-dom0', `${spec} is no dom0: there is no ${file}`, {
      hint: `Name the control domain of a Xen. If this is one: mount -t xenfs xenfs ${HOST_PATHS.procXen}`,
    });
  }
  if (!capabilities.includes('control_d')) {
    throw new XspliceError('xen-not-dom0', `${spec} is no dom0: ${file} lacks control_d`);
  }
  throw new XspliceError('xen-no-device', `${spec}: there is no ${device}: ${reason}`);
}
