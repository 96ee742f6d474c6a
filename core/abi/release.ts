/** A Xen release, as XENVER_version and XENVER_extraversion or an image tell it. */
export interface XenRelease {
  readonly major: number;
  readonly minor: number;
  /** The stable release within the branch, e.g. 7 for 4.17.7; null where it is not known. */
  readonly patch: number | null;
}

/** `4.17.7`, or `4.17` where the patch level is not known. */
export function formatRelease(release: XenRelease): string {
  const branch = `${release.major}.${release.minor}`;
  return release.patch === null ? branch : `${branch}.${release.patch}`;
}

/** Reads `4.17`, `4.17.7`, `4.17.7-pre`, `4.21-unstable`. Null for anything else. */
export function parseRelease(text: string): XenRelease | null {
  const match = /^(\d{1,3})\.(\d{1,3})(?:\.(\d{1,4}))?(?![\d.])/.exec(text.trim());
  if (!match) return null;
  return {
    major: Number(match[1]),
    minor: Number(match[2]),
    patch: match[3] === undefined ? null : Number(match[3]),
  };
}
