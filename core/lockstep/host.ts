import { ElfError, looksLikeElf, PT, readProgram } from '../elf/index.js';
import { XspliceError } from '../findings/index.js';
import { type LinkedHost, readLinkedHost } from './linked/index.js';
import { type NbdkitHost, readNbdkitHost } from './nbdkit/index.js';
import { type QemuHost, readQemuHost } from './qemu/index.js';
import type { System } from './system.js';

/** What a host can be. Absent: it is told from the file. */
export const HOST_KINDS = ['qemu', 'nbdkit', 'linked', 'xen'] as const;
export type HostKind = (typeof HOST_KINDS)[number];

/** A hypervisor: what it does with payloads, check says. */
export interface XenHost {
  readonly kind: 'xen';
}

export type HostFacts = QemuHost | NbdkitHost | LinkedHost | XenHost;

/**
 * What the file at `path` is as a host. Fails with `lockstep-host-unknown` where it is none, or not the one
 * that `wanted` says.
 */
export function readHost(system: System, path: string, wanted: HostKind | null = null): HostFacts {
  const real = system.tree.real(path);
  const bytes = real === null ? new Uint8Array(0) : system.tree.read(real);
  if (wanted === 'xen' || (wanted === null && isHypervisor(bytes))) return { kind: 'xen' };
  const facts = looksLikeElf(bytes) ? factsOf(bytes, real ?? path, wanted) : null;
  if (facts !== null) return facts;
  const what = wanted === null ? 'no host that is known' : `no host of the kind ${wanted}`;
  throw new XspliceError('lockstep-host-unknown', `${path} is ${what}`);
}

function factsOf(bytes: Uint8Array, path: string, wanted: HostKind | null): HostFacts | null {
  try {
    const program = readProgram(bytes);
    // A link may be called otherwise: qemu-system-amd64 leads to qemu-system-x86_64.
    const name = path.slice(path.lastIndexOf('/') + 1);
    const found =
      (isIn(wanted, 'qemu') ? readQemuHost(program, name) : null) ??
      (isIn(wanted, 'nbdkit') ? readNbdkitHost(program) : null);
    return found ?? (isIn(wanted, 'linked') ? readLinkedHost(program) : null);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    throw new XspliceError('lockstep-host-unknown', `${path} cannot be read: ${error.message}`, {
      cause: error,
    });
  }
}

function isIn(wanted: HostKind | null, kind: HostKind): boolean {
  return wanted === null || wanted === kind;
}

/** gzip, a PE file, or a program without a dynamic part: nothing of these is loaded by a dynamic linker. */
function isHypervisor(bytes: Uint8Array): boolean {
  const [first, second] = bytes;
  if ((first === 0x1f && second === 0x8b) || (first === 0x4d && second === 0x5a)) return true;
  if (!looksLikeElf(bytes)) return false;
  try {
    const { segments, class: elfClass } = readProgram(bytes);
    const isLinked = segments.some(({ type }) => type === PT.DYNAMIC || type === PT.INTERP);
    return elfClass === 64 && !isLinked && segments.some(({ type }) => type === PT.LOAD);
  } catch {
    return false;
  }
}
