/** What a file with an appended signature ends with: Linux's marker, which Xen's build tools use too. */
const MARKER = Buffer.from('~Module signature appended~\n', 'latin1');
/** `struct module_signature` (Linux, include/linux/module_signature.h). */
const INFO_SIZE = 12;
/** `PKEY_ID_PKCS7`: the only kind that is in use. */
const ID_TYPE_CMS = 2;

/** A file that ends with a signature. */
export interface Appended {
  /** The bytes before it: what was signed. */
  readonly signed: Uint8Array;
  /** DER of a CMS SignedData; null where the trailer does not lie in the file, or is of another kind. */
  readonly cms: Uint8Array | null;
}

/** Finds the signature at the end of a file; null where there is no marker. */
export function findAppended(bytes: Uint8Array): Appended | null {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const markerAt = whole.length - MARKER.length;
  if (markerAt < 0 || !whole.subarray(markerAt).equals(MARKER)) return null;
  const infoAt = markerAt - INFO_SIZE;
  const unreadable = { signed: whole.subarray(0, Math.max(infoAt, 0)), cms: null };
  if (infoAt < 0) return unreadable;
  const info = whole.subarray(infoAt, markerAt);
  const size = info.readUInt32BE(8);
  // Algorithm, hash, and the lengths of names and numbers are of older kinds; the rest is padding.
  const isKnown = info[2] === ID_TYPE_CMS && [0, 1, 3, 4, 5, 6, 7].every((at) => info[at] === 0);
  if (!isKnown || size === 0 || size > infoAt) return unreadable;
  const cmsAt = infoAt - size;
  return { signed: whole.subarray(0, cmsAt), cms: whole.subarray(cmsAt, infoAt) };
}
