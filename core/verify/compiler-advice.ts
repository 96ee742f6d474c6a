/** Symbols that compilers add by themselves: what adds them, and what keeps them out. */
const SYMBOLS: readonly (readonly [RegExp, string])[] = [
  [/^__stack_chk_/, 'The stack protector adds it: compile with -fno-stack-protector.'],
  [/^(?:__fentry__|_?mcount)$/, 'Profiling adds it: compile without -pg and -mfentry.'],
  [/^(?:__gcov_|__llvm_prof|llvm_gcov)/, 'Coverage adds it: compile without --coverage.'],
  [
    /^_GLOBAL_OFFSET_TABLE_$/,
    'Something is reached through a GOT, which Xen has not: compile with -fvisibility=hidden (or its pragma) and without __thread.',
  ],
  [
    /^__tls_get_addr$/,
    'A __thread variable needs it: Xen has no threads of that kind. Use per-CPU data of Xen.',
  ],
  [
    /^__x86_return_thunk$/,
    'This Xen has no return thunks: compile without -mfunction-return=thunk-extern.',
  ],
  [
    /^__(?:x86_indirect_thunk|llvm_retpoline)_/,
    'This Xen has no such thunks: compile without -mindirect-branch=thunk-extern (clang: -mretpoline-external-thunk).',
  ],
  [
    /^__(?:asan|ubsan|tsan|msan|kasan|kcsan|hwasan|sanitizer)_/,
    'A sanitizer adds it: compile without -fsanitize.',
  ],
  [/^__cyg_profile_func_/, 'Instrumentation adds it: compile without -finstrument-functions.'],
  [
    /^__(?:\w+_chk|fortify_)/,
    'Fortified functions of libc: compile with -U_FORTIFY_SOURCE -ffreestanding.',
  ],
  [
    /^__(?:u?div|u?mod|u?divmod|mul|ash[lr]|lshr|popcount|clz|ctz|float|fix)\w*[dst][if]\d?$/,
    'Arithmetic of libgcc, which Xen is not linked with: avoid 128-bit division and floating point.',
  ],
  [
    /^(?:_Unwind_|__gxx_personality|__cxa_)/,
    'C++ and unwinding are not there: write it in C, with -fno-exceptions.',
  ],
  [
    /\.(?:lto_priv|llvm)\./,
    'Link-time optimisation renamed it: compile with -fno-lto, as the Xen that it is for.',
  ],
];

/** What keeps a symbol out that a compiler adds; null for any other symbol. */
export function compilerSymbolAdvice(symbol: string): string | null {
  return SYMBOLS.find(([pattern]) => pattern.test(symbol))?.[1] ?? null;
}

const GOT =
  'It goes through a GOT, which Xen has not: compile with -fvisibility=hidden (or its pragma).';
const TLS =
  'It is for a __thread variable: Xen has no threads of that kind. Use per-CPU data of Xen.';
const LOW =
  'It needs an address in the lowest 2 GiB, where Xen is not: compile with -fPIC and without -mcmodel=kernel.';
const FAR = 'It is of the large or the medium code model: compile with -mcmodel=small.';

/** By the number that the x86-64 psABI gives the type. */
const TYPES: Readonly<Record<number, readonly [name: string, advice: string]>> = {
  3: ['R_X86_64_GOT32', GOT],
  9: ['R_X86_64_GOTPCREL', GOT],
  10: ['R_X86_64_32', LOW],
  11: ['R_X86_64_32S', LOW],
  17: ['R_X86_64_DTPOFF64', TLS],
  18: ['R_X86_64_TPOFF64', TLS],
  19: ['R_X86_64_TLSGD', TLS],
  20: ['R_X86_64_TLSLD', TLS],
  21: ['R_X86_64_DTPOFF32', TLS],
  22: ['R_X86_64_GOTTPOFF', TLS],
  23: ['R_X86_64_TPOFF32', TLS],
  24: ['R_X86_64_PC64', FAR],
  25: ['R_X86_64_GOTOFF64', FAR],
  26: ['R_X86_64_GOTPC32', GOT],
  27: ['R_X86_64_GOT64', FAR],
  29: ['R_X86_64_GOTPC64', FAR],
  31: ['R_X86_64_PLTOFF64', FAR],
  41: ['R_X86_64_GOTPCRELX', GOT],
  42: ['R_X86_64_REX_GOTPCRELX', GOT],
};

/** A relocation type as people know it; null for one that compilers do not make. */
export function relocationTypeName(type: bigint): string | null {
  return TYPES[Number(type)]?.[0] ?? null;
}

/** What keeps out a relocation of the type that has this name. */
export function relocationTypeAdvice(name: string): string {
  const known = Object.values(TYPES).find(([text]) => text === name);
  return (
    known?.[1] ??
    'Xen knows R_X86_64_NONE, 64, PC32 and PLT32 only: compile with -fPIC -mcmodel=small.'
  );
}
