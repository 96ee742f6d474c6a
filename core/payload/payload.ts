import type { BuildId } from '../abi/ids.js';
import type { HookKind } from '../abi/livepatch.js';
import type { ElfFile, ElfSymbol } from '../elf/index.js';
import type { Finding } from '../findings/index.js';

/** An id in a note section: there, not there, there but empty, or there and not to be read. */
export type PayloadId =
  | {
      readonly status: 'present';
      readonly id: BuildId;
      /** Of the id's first byte in the file. */
      readonly offset: bigint;
    }
  | { readonly status: 'absent' }
  | { readonly status: 'empty' }
  | { readonly status: 'malformed'; readonly finding: Finding };

/** The id, or null where none can be read. */
export function idOrNull(id: PayloadId): BuildId | null {
  return id.status === 'present' ? id.id : null;
}

/**
 * What a pointer in the payload will be once it is loaded. Pointers are zero in the file as a rule
 * and get their value by a relocation.
 */
export type Pointer =
  | { readonly kind: 'null' }
  /** A number in the file that no relocation changes. */
  | { readonly kind: 'value'; readonly value: bigint }
  /**
   * The address of a symbol plus an addend. For a relocation against a section, the symbol defined
   * at that very place if there is one; else `symbol` is the section's name.
   */
  | { readonly kind: 'symbol'; readonly symbol: string; readonly addend: bigint };

/** struct livepatch_expectation: the bytes that have to be in the old function (4.14 on). */
export interface Expectation {
  readonly enabled: boolean;
  /** How many bytes of `data` count, 0 to 31. */
  readonly len: number;
  /** Reserved bits, 0 to 3; have to be 0. */
  readonly rsv: number;
  /** All 31 bytes, as a view of the file. */
  readonly data: Uint8Array;
}

/** One struct livepatch_func. */
export interface PayloadFunction {
  /** Latin1-decoded: escape before printing. Null where the pointer leads to no string. */
  readonly name: string | null;
  /** The old function's address; null means that Xen looks the name up. */
  readonly oldAddress: Pointer;
  /** The new function's address; null means that `newSize` bytes of NOP are written. */
  readonly newAddress: Pointer;
  /** In bytes. */
  readonly oldSize: number;
  /** In bytes. */
  readonly newSize: number;
  /** As the file says; 2 since Xen 4.14, 1 before. */
  readonly version: number;
  /** Null in version 1, which has none. */
  readonly expectation: Expectation | null;
  /** True where NOPs are written instead of a jump to a new function. */
  readonly isNop: boolean;
}

/** A hook section and what it points to: one for most kinds, any number for load and unload. */
export interface PayloadHook {
  readonly kind: HookKind;
  readonly targets: readonly Pointer[];
}

/** One string of .modinfo. Latin1-decoded: escape before printing. */
export interface MetadataEntry {
  /** What stands before the first `=`; the whole string where there is none. */
  readonly key: string;
  /** Null where there is no `=`. */
  readonly value: string | null;
}

export interface RelocationCount {
  /** As the psABI names it, e.g. `R_X86_64_PC32`. */
  readonly type: string;
  readonly count: number;
}

/** What a payload file says, as far as it can be read; what cannot is in the findings. */
export interface Payload {
  /** As the caller named it. */
  readonly file: string;
  readonly sizeBytes: number;
  /** `x86-64`, `arm64`, or the name or number of a machine that Xen does not patch. */
  readonly machine: string;
  /** Layout of .livepatch.funcs: 2 since Xen 4.14, 1 before; null where there are no functions. */
  readonly version: 1 | 2 | null;
  readonly buildId: PayloadId;
  /** The payload below it, or the hypervisor. */
  readonly depends: PayloadId;
  /** The hypervisor it was built for. */
  readonly xenDepends: PayloadId;
  readonly functions: readonly PayloadFunction[];
  /** In Xen's order of kinds. Kinds without a section are left out. */
  readonly hooks: readonly PayloadHook[];
  /** Kinds whose hook makes REPLACE impossible. */
  readonly vetoingHooks: readonly HookKind[];
  readonly metadata: readonly MetadataEntry[];
  /** Most frequent first. */
  readonly relocations: readonly RelocationCount[];
  /** Undefined symbols with a name: what it takes from Xen or from payloads below. */
  readonly imports: readonly ElfSymbol[];
  /** Symbols with a name that are defined in one of its sections. */
  readonly definitions: readonly ElfSymbol[];
  /** Xen lets it be applied again after a revert, without a new upload. */
  readonly safeToReapply: boolean;
  /** True where a PKCS#7 signature is appended, as livepatch-build-tools can do; Xen ignores it. */
  readonly hasSignature: boolean;
  /** Headers, sections and bytes, for those who want to look further. */
  readonly elf: ElfFile;
  readonly findings: readonly Finding[];
}
