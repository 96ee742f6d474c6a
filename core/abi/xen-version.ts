import { XspliceError } from '../findings/index.js';
import { type BuildId, buildIdFromBytes } from './ids.js';

/** The xen_version hypercall (xen/include/public/version.h): open to every domain, never versioned. */

/** Number of the hypercall (xen/include/public/xen.h). */
export const HYPERVISOR_XEN_VERSION = 17;

/** Sub-operations. */
export const XENVER = { version: 0, extraversion: 1, build_id: 10 } as const;

/** Size of xen_extraversion_t: longer texts are cut there. */
export const XEN_EXTRAVERSION_SIZE = 16;

/** The two numbers in what XENVER_version returns: major << 16 | minor. */
export function decodeVersion(value: number): { readonly major: number; readonly minor: number } {
  return { major: value >>> 16, minor: value & 0xffff };
}

/** The text in xen_extraversion_t, e.g. `.7` or `-unstable`, latin1-decoded. */
export function decodeExtraVersion(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.subarray(0, XEN_EXTRAVERSION_SIZE)).toString('latin1');
  return text.split('\0', 1)[0] ?? '';
}

/** xen_build_id_t as XENVER_build_id takes it: the room behind it, then that room. */
export function encodeBuildIdRequest(roomBytes: number): Uint8Array {
  const bytes = Buffer.alloc(4 + roomBytes);
  bytes.writeUInt32LE(roomBytes, 0);
  return bytes;
}

/**
 * The id in xen_build_id_t after the hypercall returned this size.
 *
 * @throws XspliceError `xen-bad-answer` for a size that is not between 1 and the room given.
 */
export function decodeBuildId(bytes: Uint8Array, sizeBytes: number): BuildId {
  if (sizeBytes < 1 || sizeBytes > bytes.length - 4) {
    throw new XspliceError(
      'xen-bad-answer',
      `Xen gave a build-id of ${sizeBytes} bytes; there is room for ${bytes.length - 4}`,
      { hint: 'The hypervisor may be newer than this program.' },
    );
  }
  return buildIdFromBytes(bytes.slice(4, 4 + sizeBytes));
}
