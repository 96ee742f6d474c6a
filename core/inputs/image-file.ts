import { XspliceError } from '../findings/index.js';
import { type HypervisorImage, MAX_IMAGE_SIZE, readImage } from '../image/index.js';
import { readRegularFile } from './regular-file.js';

/** Reads an image, or a file that may be one. Fails as readPayloadFiles does, or with `file-too-large`. */
export function readImageFile(path: string): Uint8Array {
  const { bytes, sizeBytes } = readRegularFile(path, MAX_IMAGE_SIZE);
  if (bytes !== null) return bytes;
  throw new XspliceError(
    'file-too-large',
    `${path} has ${sizeBytes} bytes; at most ${MAX_IMAGE_SIZE} are read`,
  );
}

/** Reads a hypervisor image. Fails as readImageFile and readImage do. */
export function openImage(path: string): HypervisorImage {
  return readImage(readImageFile(path), path);
}
