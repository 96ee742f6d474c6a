import { run } from './run.js';

/** Offsets in a bzImage (Documentation/arch/x86/boot.rst, boot protocol 2.08 and later), and its units. */
const SETUP_SECTORS = 0x1f1;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
const SECTOR_BYTES = 512;
/** What says that it is one, and where its version is named, relative to the second sector. */
const MAGIC = { offset: 0x202, text: 'HdrS' };
const VERSION_OFFSET = 0x20e;
/** Longest version that is looked at. */
const MOST_VERSION = 128;
/** Behind the packed kernel stands its unpacked size. */
const SIZE_BYTES = 4;
const XZ_MAGIC = Buffer.from('fd377a585a00', 'hex');

/**
 * The ELF file within a kernel as it is packaged. Xen would unpack it at each boot, which takes an emulated
 * processor three seconds. One that is packed otherwise than by xz stays as it is: Xen takes both.
 */
export function unpackedKernel(packaged: Buffer): Buffer {
  if (packaged.length < PAYLOAD_LENGTH + SIZE_BYTES || !isPackaged(packaged)) return packaged;
  const setupSectors = packaged.readUInt8(SETUP_SECTORS);
  const start = (setupSectors + 1) * SECTOR_BYTES + packaged.readUInt32LE(PAYLOAD_OFFSET);
  const end = start + packaged.readUInt32LE(PAYLOAD_LENGTH) - SIZE_BYTES;
  const packed = packaged.subarray(start, end);
  if (!packed.subarray(0, XZ_MAGIC.length).equals(XZ_MAGIC)) return packaged;
  return run('xz', ['--decompress', '--stdout'], { input: packed });
}

/** The version of a kernel, which its modules are called by: `6.1.0-56-amd64`. Null where the file does not tell. */
export function kernelVersion(kernel: Buffer): string | null {
  if (isPackaged(kernel)) {
    if (kernel.length < VERSION_OFFSET + 2) return null;
    const start = SECTOR_BYTES + kernel.readUInt16LE(VERSION_OFFSET);
    return /^\S+/.exec(kernel.toString('latin1', start, start + MOST_VERSION))?.[0] ?? null;
  }
  // An unpacked one has the line that it prints.
  const at = kernel.indexOf('Linux version ');
  if (at < 0) return null;
  return /^Linux version (\S+)/.exec(kernel.toString('latin1', at, at + MOST_VERSION))?.[1] ?? null;
}

/** True of a kernel as distributions package it. */
export function isPackaged(kernel: Buffer): boolean {
  const { offset, text } = MAGIC;
  return kernel.toString('latin1', offset, offset + text.length) === text;
}
