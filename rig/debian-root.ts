import { findMirror } from '../core/boot/index.js';
import { cachedFolder } from './cache.js';
import { RigUnavailable, run } from './run.js';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * The folder of an installed Debian with nothing but its essential packages and apt, to be copied and entered with
 * chroot. Made once; needs root.
 *
 * @throws RigUnavailable when it cannot be made.
 */
export function emptyDebian(suite: 'bookworm' | 'trixie'): Promise<string> {
  if (process.getuid?.() !== 0) throw new RigUnavailable('To make a root of Debian needs root.');
  const { archive, security } = findMirror(process.env);
  const sources = [
    `deb [signed-by=${KEYRING}] ${archive} ${suite} main`,
    `deb [signed-by=${KEYRING}] ${security} ${suite}-security main`,
  ];
  return cachedFolder('debian-roots', suite, (draft) => {
    const options = ['--quiet', '--mode=root', '--variant=minbase', '--format=directory'];
    run('mmdebstrap', [...options, suite, `${draft}/root`, ...sources]);
  }).then((folder) => `${folder}/root`);
}
