import { run } from './run.js';

/** Offsets in a bzImage (Documentation/arch/x86/boot.rst, boot protocol 2.08 and later), and its units. */
const SETUP_SECTORS = 0x1f1;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
const SECTOR_BYTES = 512;
/** Behind the packed kernel stands its unpacked size. */
const SIZE_BYTES = 4;
const XZ_MAGIC = Buffer.from('fd377a585a00', 'hex');

/**
 * The ELF file within a kernel as it is packaged. Xen would unpack it at each boot, which takes an emulated
 * processor three seconds. One that is packed otherwise than by xz stays as it is: Xen takes both.
 */
export function unpackedKernel(packaged: Buffer): Buffer {
  const setupSectors = packaged.readUInt8(SETUP_SECTORS);
  const start = (setupSectors + 1) * SECTOR_BYTES + packaged.readUInt32LE(PAYLOAD_OFFSET);
  const end = start + packaged.readUInt32LE(PAYLOAD_LENGTH) - SIZE_BYTES;
  const packed = packaged.subarray(start, end);
  if (!packed.subarray(0, XZ_MAGIC.length).equals(XZ_MAGIC)) return packaged;
  return run('xz', ['--decompress', '--stdout'], { input: packed });
}
