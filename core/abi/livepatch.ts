/**
 * Facts of Xen's live-patch ABI, spelled as in xen/include/public/sysctl.h and xen/livepatch.h.
 */

/** Largest payload file, and largest .bss of one, in bytes (xen/livepatch.h). */
export const LIVEPATCH_MAX_SIZE = 2 * 1024 * 1024;
/** Longest payload name in bytes, its NUL included. */
export const XEN_LIVEPATCH_NAME_SIZE = 128;
/** A payload must have fewer sections than this (livepatch_header_check). */
export const LIVEPATCH_MAX_SECTIONS = 1024;
/** Bytes of old code that Xen can keep for a function, hence the longest NOP (4.14 on: struct's expect too). */
export const LIVEPATCH_OPAQUE_SIZE = 31;
/** `jmp rel32` (asm-x86/livepatch.h). */
export const ARCH_PATCH_INSN_SIZE = 5;
/** `endbr64`, which has to stay the first instruction (4.17, 4.14.5, 4.15.3, 4.16.1). */
export const ENDBR64_LEN = 4;
/** Symbol names longer than this are cut in Xen's table (xen/symbols.h: KSYM_NAME_LEN). */
export const KSYM_NAME_LEN = 127;
/** Default time for all CPUs to meet, in nanoseconds (schedule_work). */
export const DEFAULT_TIMEOUT_NS = 30_000_000;

export const LIVEPATCH_ACTION = { UNLOAD: 1, REVERT: 2, APPLY: 3, REPLACE: 4 } as const;
export const LIVEPATCH_ACTION_APPLY_NODEPS = 1;
/** livepatch_func_state_t. */
export const LIVEPATCH_FUNC_APPLIED = 1;
export const LIVEPATCH_STATE = { CHECKED: 1, APPLIED: 2 } as const;

/** What a loaded payload's state field can say. */
export type PayloadState = keyof typeof LIVEPATCH_STATE;

/** Offsets in struct livepatch_func. Version 1 (Xen up to 4.13) has no expectation and is shorter. */
export const LIVEPATCH_FUNC = {
  name: 0,
  new_addr: 8,
  old_addr: 16,
  new_size: 24,
  old_size: 28,
  version: 32,
  /** The old bytes, where Xen keeps them here (4.14 up to 4.17.2, 4.18.0). */
  opaque: 33,
  applied: 64,
  /** 4.14.5, 4.15.3, 4.16.1 and later. */
  patch_offset: 65,
  expect: 72,
  sizeBytes: { 1: 64, 2: 104 },
} as const;

/** Section names that Xen looks for (xen/livepatch.h). */
export const SECTION = {
  funcs: '.livepatch.funcs',
  depends: '.livepatch.depends',
  xenDepends: '.livepatch.xen_depends',
  buildId: '.note.gnu.build-id',
  modinfo: '.modinfo',
  altInstructions: '.altinstructions',
  altReplacement: '.altinstr_replacement',
  altCallSites: '.alt_call_sites',
  exTable: '.ex_table',
} as const;

/** Hook sections in the order in which prepare_payload reads them. */
export const HOOK_KINDS = [
  'load',
  'unload',
  'preapply',
  'apply',
  'postapply',
  'prerevert',
  'revert',
  'postrevert',
] as const;
export type HookKind = (typeof HOOK_KINDS)[number];

/** `.livepatch.hooks.preapply` for `preapply`. */
export function hookSection(kind: HookKind): string {
  return `.livepatch.hooks.${kind}`;
}

/** load and unload hooks are arrays of pointers, all others exactly one pointer. */
export function isHookArray(kind: HookKind): boolean {
  return kind === 'load' || kind === 'unload';
}

/**
 * Hooks that make REPLACE impossible, on the new or on any applied payload
 * (has_payload_any_vetoing_hooks, 4.14 on).
 */
export const VETOING_HOOKS: readonly HookKind[] = [
  'preapply',
  'postapply',
  'prerevert',
  'postrevert',
];
