import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { folderBelow, type KeptFolder, localFolder } from '../core/files/index.js';
import type { OpenHost } from '../core/host/index.js';
import type { Settings } from './settings.js';
import type { Streams } from './terminal/streams.js';

/** Of the digest that tells hosts apart. */
const KEY_DIGITS = 16;
/** What the folders of hosts are called. */
export const HOST_FOLDER = /^host(?:-[0-9a-f]{16})?$/;
/** Of root; a user has a folder of the own home. */
const OF_ROOT = '/var/lib/xsplice-ts';

/** The folder that --store or XSPLICE_STORE names; null without them. */
export function namedStore(
  { store }: Pick<Settings, 'store'>,
  { env }: Pick<Streams, 'env'>,
): KeptFolder | null {
  const named = store ?? (env['XSPLICE_STORE'] || null);
  return named === null ? null : localFolder(named, { isPathChecked: true });
}

/** Where the payloads of a host are kept: in the folder that was named, or else in its own. */
export function storeFolder(
  settings: Pick<Settings, 'store'>,
  streams: Pick<Streams, 'env'>,
  host: OpenHost,
): KeptFolder {
  return namedStore(settings, streams) ?? host.memory;
}

/**
 * Where the changes of a host are remembered: in its own folder, or in one of the folder that was named for the
 * payloads of several hosts.
 */
export function hostFolder(
  settings: Pick<Settings, 'store'>,
  streams: Pick<Streams, 'env'>,
  host: OpenHost,
): KeptFolder {
  const named = namedStore(settings, streams);
  if (named === null) return folderBelow(host.memory, 'host');
  const key = createHash('sha256').update(host.memory.path).digest('hex').slice(0, KEY_DIGITS);
  return folderBelow(named, `host-${key}`);
}

/** Where this machine keeps payloads that are for no host yet: root's, or the user's (XDG_STATE_HOME). */
export function ownStore({ env }: Pick<Streams, 'env'>): KeptFolder {
  const state = env['XDG_STATE_HOME'] || join(env['HOME'] || homedir(), '.local', 'state');
  const path = process.geteuid?.() === 0 ? OF_ROOT : join(state, 'xsplice-ts');
  return localFolder(path, { isPathChecked: true });
}
