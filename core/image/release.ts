import { parseRelease, type XenRelease } from '../abi/release.js';
import { type MemoryRange, readMemory } from './memory.js';
import type { SymbolTable } from './symbol-table.js';

/** What an image says about its version. */
export interface ImageVersion {
  readonly release: XenRelease | null;
  /** As XENVER_version and extraversion print it, e.g. `4.17.7`; null where it is not known. */
  readonly version: string | null;
  /** When it was compiled, as its build wrote it, e.g. `Tue Jun  3 10:20:30 UTC 2025`; null where it is not known. */
  readonly compiled: string | null;
}

/** Size of compile_date in xen_compile_info_t (public/version.h). */
const COMPILE_DATE_SIZE = 32;
/** Size of xen_extraversion_t in xen/include/public/version.h. */
const EXTRA_VERSION_SIZE = 16;
const ENDBR64 = [0xf3, 0x0f, 0x1e, 0xfa] as const;

/**
 * Reads the version out of the code of xen_major_version, xen_minor_version and xen_extra_version
 * (xen/common/version.c): each returns a constant and nothing else. Code of any other shape, e.g. of
 * arm64, gives unknown, never a guess.
 */
export function readVersion(
  memory: readonly MemoryRange[],
  symbols: SymbolTable | null,
): ImageVersion {
  const codeOf = (name: string): Uint8Array | null => {
    const address = symbols?.lookup(name) ?? null;
    return address === null ? null : readMemory(memory, address, 16);
  };
  const textOf = (name: string, maxBytes: number): string | null => {
    const [address, code] = [symbols?.lookup(name) ?? null, codeOf(name)];
    return address === null || code === null
      ? null
      : stringReturned(memory, address, code, maxBytes);
  };
  const compiled = textOf('xen_compile_date', COMPILE_DATE_SIZE);
  const major = constantReturned(codeOf('xen_major_version'));
  const minor = constantReturned(codeOf('xen_minor_version'));
  if (major === null || minor === null) return { release: null, version: null, compiled };
  const extra = textOf('xen_extra_version', EXTRA_VERSION_SIZE);
  if (extra === null) return { release: { major, minor, patch: null }, version: null, compiled };
  const version = `${major}.${minor}${extra}`;
  return { release: parseRelease(version) ?? { major, minor, patch: null }, version, compiled };
}

/** `mov $imm32, %eax` or `xor %eax, %eax`, then a return. */
function constantReturned(code: Uint8Array | null): number | null {
  if (code === null) return null;
  const body = withoutEndbr(code);
  if (body[0] === 0x31 && body[1] === 0xc0) return returns(body.subarray(2)) ? 0 : null;
  if (body[0] !== 0xb8 || !returns(body.subarray(5))) return null;
  return viewOf(body).getUint32(1, true);
}

/** `lea disp32(%rip), %rax` or `mov $imm32, %rax`, then a return: the string there. */
function stringReturned(
  memory: readonly MemoryRange[],
  address: bigint,
  code: Uint8Array,
  maxBytes: number,
): string | null {
  const body = withoutEndbr(code);
  if (!returns(body.subarray(7)) || body[0] !== 0x48) return null;
  const value = BigInt(viewOf(body).getInt32(3, true));
  const next = address + BigInt(code.length - body.length + 7);
  if (body[1] === 0x8d && body[2] === 0x05) return stringAt(memory, next + value, maxBytes);
  if (body[1] === 0xc7 && body[2] === 0xc0)
    return stringAt(memory, BigInt.asUintN(64, value), maxBytes);
  return null;
}

/** Printable and NUL-terminated within the size that Xen reports of it, or null. */
function stringAt(
  memory: readonly MemoryRange[],
  address: bigint,
  maxBytes: number,
): string | null {
  for (let size = 1; size <= maxBytes; size++) {
    const bytes = readMemory(memory, address, size);
    if (bytes === null) return null;
    if (bytes[size - 1] !== 0) continue;
    const text = Buffer.from(bytes.subarray(0, size - 1)).toString('latin1');
    return /^[\x20-\x7e]*$/.test(text) ? text : null;
  }
  return null;
}

function withoutEndbr(code: Uint8Array): Uint8Array {
  return ENDBR64.every((byte, index) => code[index] === byte) ? code.subarray(4) : code;
}

/** `ret`, or `jmp rel32` to the return thunk. */
function returns(code: Uint8Array): boolean {
  return code[0] === 0xc3 || code[0] === 0xe9;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
