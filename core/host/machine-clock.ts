import type { HostMachine } from '../hypervisor/index.js';
import type { MachineClock } from './host.js';

/** Linux makes it at each boot; dom0's is the hypervisor's. */
const BOOT_ID = '/proc/sys/kernel/random/boot_id';
const UPTIME = '/proc/uptime';

/** Null where it cannot be read. */
export async function bootIdOf(machine: Pick<HostMachine, 'read'>): Promise<string | null> {
  const text = await textOf(machine, BOOT_ID);
  return /^[0-9a-f-]{36}$/.test(text) ? text : null;
}

/** Null where it cannot be read. */
export async function clockOf(machine: Pick<HostMachine, 'read'>): Promise<MachineClock | null> {
  const bootId = await bootIdOf(machine);
  const seconds = /^(\d+\.\d+) /.exec(await textOf(machine, UPTIME))?.[1];
  if (bootId === null || seconds === undefined) return null;
  return { bootId, uptimeMs: Math.round(Number(seconds) * 1000) };
}

async function textOf(machine: Pick<HostMachine, 'read'>, path: string): Promise<string> {
  return Buffer.from((await machine.read(path)) ?? [])
    .toString('latin1')
    .trim();
}
