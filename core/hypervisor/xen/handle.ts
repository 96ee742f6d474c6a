import { errnoName, XEN_ERRNO } from '../../abi/errno.js';
import type { BuildId } from '../../abi/ids.js';
import { LIVEPATCH_MAX_SIZE } from '../../abi/livepatch.js';
import {
  type GuestBytes,
  HYPERVISOR_SYSCTL,
  type InterfaceVersion,
  XEN_SYSCTL_SIZE,
} from '../../abi/sysctl.js';
import {
  decodeBuildId,
  decodeExtraVersion,
  decodeVersion,
  encodeBuildIdRequest,
  HYPERVISOR_XEN_VERSION,
  XEN_EXTRAVERSION_SIZE,
  XENVER,
} from '../../abi/xen-version.js';
import { XspliceError } from '../../findings/index.js';
import type { HypercallBuffer, XenCall } from './library.js';

/** Offset of the small argument (a name, a key) behind the struct in the first page. */
const ARGUMENT_OFFSET = 1024;
/** Room for the hypervisor's build-id; SHA-512 would take 64. */
const BUILD_ID_ROOM = 1024;

/** Return value and struct of one sysctl. */
export interface SysctlAnswer {
  readonly rc: number;
  /** A copy of struct xen_sysctl as Xen left it. */
  readonly bytes: Uint8Array;
}

/**
 * The hypercalls that are needed, over buffers that are made once and reused: one call at a time. They are
 * asynchronous, since the hypervisor may be that of another machine.
 */
export class XenHandle {
  readonly #call: XenCall;
  readonly #page: HypercallBuffer;
  #data: HypercallBuffer | null = null;
  #closed = false;

  constructor(call: XenCall) {
    this.#call = call;
    this.#page = call.allocate(4096);
  }

  /** Does a sysctl with this struct xen_sysctl. */
  async sysctl(request: Uint8Array): Promise<SysctlAnswer> {
    this.#page.bytes.set(request, 0);
    const rc = await this.#call.call(HYPERVISOR_SYSCTL, this.#page.address);
    return { rc, bytes: this.#page.bytes.slice(0, XEN_SYSCTL_SIZE) };
  }

  /** Puts a small argument, such as a name, where Xen can read it. The next call overwrites it. */
  argument(bytes: Uint8Array): GuestBytes {
    this.#page.bytes.set(bytes, ARGUMENT_OFFSET);
    return {
      address: this.#page.address + BigInt(ARGUMENT_OFFSET),
      sizeBytes: bytes.length,
    };
  }

  /** The big buffer, grown when it is smaller than this. What it held before may be gone. */
  data(sizeBytes = LIVEPATCH_MAX_SIZE): HypercallBuffer {
    if (this.#data !== null && this.#data.bytes.length >= sizeBytes) return this.#data;
    this.#data?.free();
    this.#data = null;
    this.#data = this.#call.allocate(Math.max(sizeBytes, LIVEPATCH_MAX_SIZE));
    return this.#data;
  }

  async #xenVersion(operation: number, argument: bigint): Promise<number> {
    const rc = await this.#call.call(HYPERVISOR_XEN_VERSION, BigInt(operation), argument);
    if (rc < 0 && rc !== -XEN_ERRNO.ENODATA) {
      throw new XspliceError(
        'xen-version-failed',
        `Xen did not tell its version (xen_version ${operation}): ${errnoName(rc)}`,
      );
    }
    return rc;
  }

  /** `4.17` and `.7`, as XENVER_version and XENVER_extraversion give them. */
  async readVersion(): Promise<{
    readonly major: number;
    readonly minor: number;
    readonly extra: string;
  }> {
    const version = decodeVersion(await this.#xenVersion(XENVER.version, 0n));
    const room = this.argument(new Uint8Array(XEN_EXTRAVERSION_SIZE));
    await this.#xenVersion(XENVER.extraversion, room.address);
    const extra = decodeExtraVersion(this.#page.bytes.subarray(ARGUMENT_OFFSET));
    return { ...version, extra };
  }

  /** The running hypervisor's own id, or null where it was built without one. */
  async readBuildId(): Promise<BuildId | null> {
    const request = encodeBuildIdRequest(BUILD_ID_ROOM);
    const size = await this.#xenVersion(XENVER.build_id, this.argument(request).address);
    if (size < 0) return null;
    const start = ARGUMENT_OFFSET;
    return decodeBuildId(this.#page.bytes.slice(start, start + request.length), size);
  }

  /** Gives buffers and device back. Safe to call twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#data?.free();
    this.#page.free();
    this.#call.close();
  }
}

/** A hypervisor that answers, and the sysctl interface version that it speaks. */
export interface XenConnection {
  readonly handle: XenHandle;
  readonly version: InterfaceVersion;
}
