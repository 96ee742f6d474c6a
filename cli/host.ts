import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { type HostSpec, isControlDomain, parseHostSpec } from '../core/host/index.js';
import type { Settings } from './settings.js';
import type { Streams } from './terminal/streams.js';

type Environment = Streams['env'];

/**
 * The hypervisor that a command is about: --host, else XSPLICE_HOST, else Xen where this is a dom0, else
 * the embedded one in the user's state directory.
 */
export async function hostOf(
  { host }: Pick<Settings, 'host'>,
  { env }: { readonly env: Environment },
): Promise<HostSpec> {
  const asked = host ?? nonEmpty(env['XSPLICE_HOST']);
  if (asked !== null) return parseHostSpec(asked);
  if (await isControlDomain()) return { kind: 'xen' };
  return { kind: 'embedded', directory: join(stateDirectory(env), 'xsplice-ts', 'embedded') };
}

/** XDG_STATE_HOME, which counts only where it is absolute (XDG base directories), or its default. */
function stateDirectory(env: Environment): string {
  const xdg = nonEmpty(env['XDG_STATE_HOME']);
  return xdg !== null && isAbsolute(xdg) ? xdg : join(homedir(), '.local', 'state');
}

function nonEmpty(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : text;
}
