/**
 * Whether code may branch to strictly between two addresses, or jump to where a register or memory says,
 * from some byte on that an instruction may or may not begin at. False is certain; true means that it has
 * to be decoded. Most functions need not be, and loading the disassembler takes longer than to check a
 * payload.
 *
 * In 64-bit mode only these do: with a distance of 8 bits, 70 to 7f (jcc), e0 to e3 (loop, jrcxz) and eb
 * (jmp); with one of 32 bits, any four bytes here, 0f 80 to 8f (jcc), e8 (call) and e9 (jmp); with either
 * 16 or 32, c7 f8 (xbegin); and ff /4 and ff /5 (jmp). The distance counts from its own end.
 */
export function mayJumpInto(bytes: Uint8Array, address: bigint, from: bigint, to: bigint): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [first, last] = [Number(from - address), Number(to - address)];
  const isInside = (offset: number): boolean => offset > first && offset < last;
  return bytes.some((byte, at) => {
    if (at + 4 <= bytes.length && isInside(at + 4 + view.getInt32(at, true))) return true;
    const next = bytes[at + 1];
    if (next === undefined) return false;
    if (isShortBranch(byte)) return isInside(at + 2 + view.getInt8(at + 1));
    return (byte === 0xc7 && next === 0xf8) || (byte === 0xff && isIndirectJump(next));
  });
}

function isShortBranch(opcode: number): boolean {
  return (opcode & 0xf0) === 0x70 || (opcode & 0xfc) === 0xe0 || opcode === 0xeb;
}

/** Of a ModR/M byte behind ff. The far jump, /5, has no form with a register. */
function isIndirectJump(modrm: number): boolean {
  const kind = (modrm >> 3) & 7;
  return kind === 4 || (kind === 5 && modrm < 0xc0);
}
