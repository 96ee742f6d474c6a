import { gunzipSync } from 'node:zlib';
import { XspliceError } from '../findings/index.js';

/** Ours: a Xen has some ten megabytes. */
const MAX_SIZE = 256 * 1024 * 1024;
const GZIP = Buffer.from('1f8b', 'hex');
const ELF32 = Buffer.from('7f454c4601', 'hex');
const ELF64 = Buffer.from('7f454c4602', 'hex');

/** The file that QEMU boots, of a hypervisor as it is packaged (xen.gz) or unpacked. Fails with `not-bootable`. */
export function bootableOf(file: string, packaged: Uint8Array): Uint8Array {
  const bytes = isLike(packaged, GZIP) ? unpacked(file, packaged) : packaged;
  if (isLike(bytes, ELF32)) return bytes;
  const what = isLike(bytes, ELF64)
    ? 'it is an ELF64, as xen-syms is'
    : 'it is neither gzipped nor an ELF32';
  throw new XspliceError('not-bootable', `QEMU does not boot ${file}: ${what}`);
}

function isLike(bytes: Uint8Array, magic: Buffer): boolean {
  return magic.equals(bytes.subarray(0, magic.length));
}

function unpacked(file: string, bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_SIZE });
  } catch (cause) {
    throw new XspliceError('not-bootable', `${file} cannot be unpacked: ${String(cause)}`, {
      cause,
    });
  }
}
