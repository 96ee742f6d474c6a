import { parseRelease, type XenRelease } from '../core/abi/release.js';
import { KNOWN_MINORS } from '../core/verify/index.js';
import { usage } from './usage.js';

/** The release that --xen names, or null without it. Fails with `usage` on what is no release. */
export function releaseOf(text: string | null): XenRelease | null {
  if (text === null) return null;
  const release = parseRelease(text);
  if (release !== null) return release;
  throw usage(
    `--xen takes a release, e.g. 4.17 or 4.17.7; it is ${JSON.stringify(text)}`,
    `The rules of Xen 4.${KNOWN_MINORS.first} to 4.${KNOWN_MINORS.last} are known.`,
  );
}
