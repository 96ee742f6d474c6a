/**
 * Xen's errno values (xen/include/public/errno.h; they equal Linux' on x86), with the words a person
 * needs. Only those that the live-patching paths can return.
 */
export const XEN_ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EIO: 5,
  E2BIG: 7,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  EINVAL: 22,
  ENOSPC: 28,
  ERANGE: 34,
  ENOSYS: 38,
  ENODATA: 61,
  EOVERFLOW: 75,
  EOPNOTSUPP: 95,
  ENOBUFS: 105,
} as const;

export type ErrnoName = keyof typeof XEN_ERRNO;

const NAMES = new Map<number, string>(
  Object.entries(XEN_ERRNO).map(([name, value]) => [value, name]),
);

/** `EINVAL` for 22 or -22; `errno N` for a value that is not in the table. */
export function errnoName(errno: number): string {
  const positive = Math.abs(errno);
  return NAMES.get(positive) ?? `errno ${positive}`;
}

/** `-22 (EINVAL)`, or `0`: the way this program prints what Xen returned. */
export function formatRc(rc: number): string {
  return rc === 0 ? '0' : `${rc} (${errnoName(rc)})`;
}
