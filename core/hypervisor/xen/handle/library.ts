import { createRequire } from 'node:module';
import { errnoName } from '../../../abi/errno.js';
import { XspliceError } from '../../../findings/index.js';

/** Memory that hypercalls may read and write: locked, and made by libxencall. */
export interface HypercallBuffer {
  readonly address: bigint;
  /** The memory itself, not a copy. Not to be touched after `free`. */
  readonly bytes: Uint8Array;
  free(): void;
}

/** libxencall.so.1 as this project needs it. Tests put a hypervisor of their own behind it. */
export interface XenCall {
  /** A hypercall of one or two arguments: its result, 0 or more, or a negative errno. */
  call(hypercall: number, first: bigint, second?: bigint): number;
  /** Zeroed, and at least this big. */
  allocate(sizeBytes: number): HypercallBuffer;
  close(): void;
}

/** The parts of koffi that are used. */
interface Ffi {
  load(path: string): { func(definition: string): (...args: unknown[]) => unknown };
  address(pointer: unknown): bigint;
  view(pointer: unknown, sizeBytes: number): ArrayBuffer;
  errno(): number;
}

const LIBRARY = 'libxencall.so.1';
const PAGE_SIZE = 4096;

/**
 * koffi is an optional dependency, loaded only here: the rest of the program works without it. To
 * require it takes half as long as to import it.
 */
function loadFfi(): Ffi {
  try {
    return createRequire(import.meta.url)('koffi');
  } catch (cause) {
    throw new XspliceError(
      'xen-no-koffi',
      'The package koffi, which calls libxencall, could not be loaded',
      { cause },
    );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Opens the hypercall interface.
 *
 * @throws XspliceError `xen-no-koffi`, `xen-no-library` or `xen-open-failed`.
 */
export function openXenCall(library = LIBRARY): XenCall {
  const ffi = loadFfi();
  let functions: ReturnType<Ffi['load']>;
  try {
    functions = ffi.load(library);
  } catch (cause) {
    throw new XspliceError(
      'xen-no-library',
      `The library ${library} could not be loaded: ${messageOf(cause)}`,
      { cause },
    );
  }
  const lookUp = (definition: string) => {
    try {
      return functions.func(definition);
    } catch (cause) {
      const name = /xencall\w+/.exec(definition)?.[0] ?? definition;
      throw new XspliceError(
        'xen-no-library',
        `The library ${library} has no function ${name}: it is another one, or damaged`,
        { cause },
      );
    }
  };
  const open = lookUp('void *xencall_open(void *logger, unsigned int flags)');
  const shut = lookUp('int xencall_close(void *call)');
  const call1 = lookUp('int xencall1(void *call, unsigned int op, uint64_t arg1)');
  const call2 = lookUp('int xencall2(void *call, unsigned int op, uint64_t arg1, uint64_t arg2)');
  const allocate = lookUp('void *xencall_alloc_buffer(void *call, size_t size)');
  const free = lookUp('void xencall_free_buffer(void *call, void *buffer)');

  const handle = open(null, 0);
  if (handle === null) {
    throw new XspliceError(
      'xen-open-failed',
      `The hypercall interface could not be opened: ${errnoName(ffi.errno())}`,
    );
  }
  const result = (value: unknown): number => {
    const rc = Number(value);
    return rc < 0 ? -ffi.errno() : rc;
  };
  let isOpen = true;
  return {
    call: (hypercall, first, second) =>
      result(
        second === undefined
          ? call1(handle, hypercall, first)
          : call2(handle, hypercall, first, second),
      ),
    allocate: (sizeBytes) => {
      const size = Math.ceil(Math.max(sizeBytes, 1) / PAGE_SIZE) * PAGE_SIZE;
      const pointer = allocate(handle, size);
      if (pointer === null) {
        throw new XspliceError(
          'xen-no-memory',
          `No memory for a hypercall buffer of ${size} bytes`,
        );
      }
      const bytes = new Uint8Array(ffi.view(pointer, size));
      bytes.fill(0);
      return { address: ffi.address(pointer), bytes, free: () => void free(handle, pointer) };
    },
    close: () => {
      if (isOpen) shut(handle);
      isOpen = false;
    },
  };
}
