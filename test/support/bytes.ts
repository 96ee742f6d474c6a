/** A copy of `bytes` in which some little-endian fields are changed. */
export function withFields(
  bytes: Uint8Array,
  changes: readonly { readonly at: number; readonly size: 1 | 2 | 4 | 8; readonly value: bigint }[],
): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const view = new DataView(copy.buffer);
  for (const { at, size, value } of changes) {
    if (size === 1) view.setUint8(at, Number(value));
    else if (size === 2) view.setUint16(at, Number(value), true);
    else if (size === 4) view.setUint32(at, Number(value), true);
    else view.setBigUint64(at, BigInt.asUintN(64, value), true);
  }
  return copy;
}
