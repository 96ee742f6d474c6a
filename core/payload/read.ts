import {
  HOOK_KINDS,
  hookSection,
  LIVEPATCH_MAX_SIZE,
  SECTION,
  VETOING_HOOKS,
} from '../abi/livepatch.js';
import {
  ElfError,
  type ElfFile,
  type ElfSection,
  EM,
  ET,
  fileTypeName,
  machineName,
  readElf,
  SHF,
  SHN,
  SHT,
  STT,
  sectionByName,
} from '../elf/index.js';
import { type Code, type Finding, finding, XspliceError } from '../findings/index.js';
import { readFunctions } from './functions.js';
import { readHooks } from './hooks.js';
import { Links } from './links.js';
import { readMetadata } from './metadata.js';
import { readNoteId } from './note-id.js';
import type { Payload, PayloadHook, PayloadId } from './payload.js';
import { collectFindings, type Report } from './report.js';

/** Ours: files above this are not even looked at. A payload with debug information is far below. */
export const MAX_READABLE_SIZE = 8 * LIVEPATCH_MAX_SIZE;

const SIGNATURE_MARK = Buffer.from('~Module signature appended~\n', 'latin1');

/** Sections that only live patches have: one of these makes an object file a payload. */
const PAYLOAD_SECTIONS: readonly string[] = [
  SECTION.funcs,
  SECTION.depends,
  SECTION.xenDepends,
  ...HOOK_KINDS.map(hookSection),
];

/**
 * Reads a payload. Whatever is wrong inside it is a finding, so that the rest can still be seen;
 * `file` is what findings and errors call it. The bytes are kept as they are: do not change them.
 *
 * Fails with `elf-*` (an ElfError as cause) where the bytes are no ELF file that can be read at all,
 * with `not-a-payload` where they are another kind of ELF file, and with `payload-too-large` above
 * {@link MAX_READABLE_SIZE}. The error's findings hold the same as a Finding.
 */
export function readPayload(bytes: Uint8Array, file: string): Payload {
  const elf = readHeaders(bytes, file);
  const { report, findings } = collectFindings(file);
  checkFile(elf, report);
  if (elf.sections.some(isWithoutContents)) return withoutContents(elf, file, { report, findings });
  const buildId = readNoteId(elf, SECTION.buildId, report);
  const depends = readNoteId(elf, SECTION.depends, report);
  const xenDepends = readNoteId(elf, SECTION.xenDepends, report);
  const links = new Links(elf, report);
  const { version, functions } = readFunctions(elf, links, report);
  const hooks = readHooks(elf, links, report);
  checkPresence({ buildId, depends, xenDepends, version }, elf, report);
  return {
    file,
    sizeBytes: bytes.length,
    machine: machineName(elf.header.machine),
    version,
    buildId,
    depends,
    xenDepends,
    functions,
    hooks,
    vetoingHooks: hooks.filter(vetoes).map((hook) => hook.kind),
    metadata: readMetadata(elf, report),
    relocations: links.relocationCounts,
    ...symbolsOf(links.symbols),
    safeToReapply: isSafeToReapply(elf),
    hasSignature: endsWith(bytes, SIGNATURE_MARK),
    elf,
    findings,
  };
}

/** Code that is not in the file: of a payload only .bss is not. */
function isWithoutContents({ type, flags, size }: ElfSection): boolean {
  return type === SHT.NOBITS && size > 0n && (flags & SHF.EXECINSTR) !== 0n;
}

/** A file of debug information only: the ids and symbols that are in it, and the one finding that says so. */
function withoutContents(
  elf: ElfFile,
  file: string,
  { report, findings }: ReturnType<typeof collectFindings>,
): Payload {
  report({
    code: 'payload-no-contents',
    severity: 'error',
    message: 'Its sections have no contents (objcopy --only-keep-debug): Xen would load zeros',
  });
  const quiet = collectFindings(file).report;
  const idIn = (name: string): PayloadId =>
    sectionByName(elf, name)?.type === SHT.NOBITS
      ? { status: 'absent' }
      : readNoteId(elf, name, quiet);
  const { symbols } = new Links(elf, quiet);
  return {
    file,
    sizeBytes: elf.bytes.length,
    machine: machineName(elf.header.machine),
    version: null,
    buildId: idIn(SECTION.buildId),
    depends: idIn(SECTION.depends),
    xenDepends: idIn(SECTION.xenDepends),
    functions: [],
    hooks: [],
    vetoingHooks: [],
    metadata: [],
    relocations: [],
    ...symbolsOf(symbols),
    safeToReapply: isSafeToReapply(elf),
    hasSignature: endsWith(elf.bytes, SIGNATURE_MARK),
    elf,
    findings,
  };
}

function symbolsOf(symbols: Links['symbols']): Pick<Payload, 'imports' | 'definitions'> {
  const named = symbols.filter(({ name }) => name !== '');
  return {
    imports: named.filter((s) => s.sectionIndex === SHN.UNDEF),
    definitions: named.filter((s) => s.sectionIndex !== SHN.UNDEF && s.type !== STT.FILE),
  };
}

function readHeaders(bytes: Uint8Array, file: string): ElfFile {
  if (bytes.length > MAX_READABLE_SIZE) {
    throw unreadable(file, 'payload-too-large', {
      message: `The file has ${bytes.length} bytes; Xen takes payloads of at most ${LIVEPATCH_MAX_SIZE}`,
      hint: 'Is this the right file?',
      expected: `at most ${LIVEPATCH_MAX_SIZE} bytes`,
      actual: `${bytes.length} bytes`,
    });
  }
  const elf = readElfHeaders(bytes, file);
  const kind = otherKindOf(elf);
  if (kind === null) return elf;
  throw unreadable(file, 'not-a-payload', {
    message: `This is not a payload, but ${kind.what}`,
    hint: kind.hint,
    expected: 'a relocatable ELF64 file with live-patch sections',
    actual: kind.what,
  });
}

function readElfHeaders(bytes: Uint8Array, file: string): ElfFile {
  try {
    return readElf(bytes);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    throw unreadable(
      file,
      error.code,
      {
        message: error.message,
        expected: error.expected,
        actual: error.actual,
        hint: error.hint,
        ...(error.offset === null ? {} : { offset: error.offset }),
      },
      error,
    );
  }
}

function unreadable(
  file: string,
  code: Code,
  detail: Omit<Finding, 'code' | 'severity' | 'file'>,
  cause?: unknown,
): XspliceError {
  const found = finding(code, { severity: 'error', file, ...detail });
  return new XspliceError(code, `${file}: ${detail.message}`, {
    findings: [found],
    ...(detail.hint === undefined ? {} : { hint: detail.hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}

/** What the file is instead of a payload; null for a payload, even a broken one. */
function otherKindOf(elf: ElfFile): { readonly what: string; readonly hint: string } | null {
  const { type } = elf.header;
  const machine = machineName(elf.header.machine);
  if (type === ET.EXEC || type === ET.DYN || type === ET.CORE) {
    return {
      what: `an ELF${elf.class} file of type ${fileTypeName(type)} for ${machine}`,
      hint: 'A hypervisor (xen-syms) is given with --image.',
    };
  }
  if (elf.class === 32) {
    return { what: `an ELF32 file for ${machine}`, hint: 'Payloads are 64-bit object files.' };
  }
  if (!elf.sections.some((section) => PAYLOAD_SECTIONS.includes(section.name))) {
    return {
      what: `an object file for ${machine} without live-patch sections`,
      hint: 'A payload has .livepatch.depends, and .livepatch.funcs or hooks.',
    };
  }
  return null;
}

function checkFile(elf: ElfFile, report: Report): void {
  const { type, machine } = elf.header;
  if (type !== ET.REL) {
    report({
      code: 'payload-wrong-type',
      severity: 'error',
      message: `The ELF type is ${fileTypeName(type)}, expected REL`,
      expected: 'REL',
      actual: fileTypeName(type),
    });
  }
  if (machine !== EM.X86_64 && machine !== EM.AARCH64) {
    report({
      code: 'payload-wrong-machine',
      severity: 'error',
      message: `The payload is for ${machineName(machine)}, expected x86-64 or arm64`,
      expected: 'x86-64 or arm64',
      actual: machineName(machine),
    });
  }
  if (elf.bytes.length > LIVEPATCH_MAX_SIZE) {
    report({
      code: 'payload-too-large',
      severity: 'error',
      message: `The file has ${elf.bytes.length} bytes; Xen takes at most ${LIVEPATCH_MAX_SIZE}`,
      expected: `at most ${LIVEPATCH_MAX_SIZE} bytes`,
      actual: `${elf.bytes.length} bytes`,
      hint: 'Remove its debug information with strip --strip-debug.',
    });
  }
}

/** What has to be there at all (check_special_sections, check_patching_sections; 4.14 on). */
function checkPresence(
  ids: Pick<Payload, 'buildId' | 'depends' | 'xenDepends' | 'version'>,
  elf: ElfFile,
  report: Report,
): void {
  const missing = (
    id: PayloadId,
    section: string,
    holds: string,
    severity: Finding['severity'],
  ) => {
    if (id.status !== 'absent') return;
    report({
      code: 'missing-note',
      severity,
      section,
      message: `There is no section ${section}, which holds ${holds}`,
      hint:
        severity === 'error'
          ? 'Rebuild the payload with it: Xen refuses it without.'
          : 'Xen 4.14 and later refuse a payload without it.',
    });
  };
  missing(ids.buildId, SECTION.buildId, "the payload's own build-id", 'error');
  missing(ids.depends, SECTION.depends, "the parent's build-id", 'error');
  missing(
    ids.xenDepends,
    SECTION.xenDepends,
    "the hypervisor's build-id",
    ids.version === 1 ? 'note' : 'error',
  );
  const patches = [SECTION.funcs, ...HOOK_KINDS.map(hookSection)];
  if (patches.every((name) => sectionByName(elf, name) === null)) {
    report({
      code: 'nothing-to-patch',
      severity: 'error',
      message: 'The payload has neither functions nor hooks, so it would do nothing',
    });
  }
}

/** A hook whose pointer is null is as good as none (is_hook_enabled, common/livepatch.c). */
function vetoes(hook: PayloadHook): boolean {
  return VETOING_HOOKS.includes(hook.kind) && hook.targets.some((t) => t.kind !== 'null');
}

/**
 * Whether Xen keeps nothing of the payload that applying it may change: no non-empty section is
 * writable, or one is and that is `.livepatch.funcs` (move_payload, common/livepatch.c: all
 * releases).
 */
function isSafeToReapply(elf: ElfFile): boolean {
  const isWritable = ({ flags, size, index }: ElfSection) =>
    index > 0 &&
    size > 0n &&
    (flags & SHF.ALLOC) !== 0n &&
    (flags & SHF.WRITE) !== 0n &&
    (flags & SHF.EXECINSTR) === 0n;
  const writable = elf.sections.filter(isWritable);
  const [only, ...others] = writable;
  return only === undefined || (others.length === 0 && only.name === SECTION.funcs);
}

function endsWith(bytes: Uint8Array, tail: Uint8Array): boolean {
  return (
    bytes.length >= tail.length &&
    tail.every((byte, index) => bytes[bytes.length - tail.length + index] === byte)
  );
}
