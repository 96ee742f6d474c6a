import { XspliceError } from '../core/findings/index.js';
import { type HostSpec, isControlDomain, parseHostSpec } from '../core/host/index.js';
import type { Settings } from './settings.js';
import type { Streams } from './terminal/streams.js';

/**
 * The hypervisor that a command is about: --host, else XSPLICE_HOST, else Xen where this is a dom0. An embedded
 * one is meant only where it is named. Fails with `no-host` (exit code 64) where none is meant.
 */
export async function hostOf(
  { host }: Pick<Settings, 'host'>,
  { env }: Pick<Streams, 'env'>,
): Promise<HostSpec> {
  const asked = host ?? nonEmpty(env['XSPLICE_HOST']);
  if (asked !== null) return parseHostSpec(asked);
  if (await isControlDomain()) return { kind: 'xen' };
  throw new XspliceError(
    'no-host',
    'Which hypervisor is meant? None was named, and this machine is not the control domain of a Xen',
  );
}

function nonEmpty(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : text;
}
