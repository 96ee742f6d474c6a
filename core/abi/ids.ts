import { XspliceError } from '../findings/index.js';

declare const brand: unique symbol;

/**
 * A build-id as lower-case hex, one to many bytes: SHA-1 gives 20, MD5, UUIDs and CodeView GUIDs 16.
 * Xen compares them as bytes and never assumes a length.
 */
export type BuildId = string & { readonly [brand]: 'BuildId' };

/** The id that these bytes spell. The bytes may not be empty: an absent id is `null`, not ''. */
export function buildIdFromBytes(bytes: Uint8Array): BuildId {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex') as BuildId;
}

/** The id that some bytes of a buffer spell: as many as are given, and more than none. */
export function buildIdAt(bytes: Buffer, offset: number, sizeBytes: number): BuildId {
  return bytes.toString('hex', offset, offset + sizeBytes) as BuildId;
}

/** A build-id that a person typed. Fails on anything but an even number of hex digits. */
export function parseBuildId(text: string): BuildId {
  const hex = text.trim().toLowerCase();
  if (!/^([0-9a-f]{2})+$/.test(hex)) {
    throw new XspliceError('bad-build-id', `Not a build-id: ${JSON.stringify(text)}`);
  }
  return hex as BuildId;
}

/** First 12 digits, the form tables use. */
export function shortId(id: BuildId): string {
  return id.length > 12 ? id.slice(0, 12) : id;
}

/**
 * Whether an id has the 16 bytes of a CodeView GUID, which an EFI build (xen.efi) has in place of a note. MD5 and
 * UUID ids have as many, and no build of Xen uses them by default: a sign, no proof.
 */
export function isEfiBuildId(id: BuildId | null): boolean {
  return id?.length === 32;
}
