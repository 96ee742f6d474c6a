import { errnoName, XEN_ERRNO } from '../../../abi/errno.js';
import type { BuildId } from '../../../abi/ids.js';
import { LIVEPATCH_MAX_SIZE } from '../../../abi/livepatch.js';
import {
  type GuestBytes,
  HYPERVISOR_SYSCTL,
  type InterfaceVersion,
  type ListAnswer,
  XEN_SYSCTL_SIZE,
} from '../../../abi/sysctl.js';
import {
  decodeBuildId,
  decodeExtraVersion,
  decodeVersion,
  encodeBuildIdRequest,
  HYPERVISOR_XEN_VERSION,
  XEN_EXTRAVERSION_SIZE,
  XENVER,
} from '../../../abi/xen-version.js';
import { XspliceError } from '../../../findings/index.js';
import type { Hypercall, Hypercalls, Send } from './hypercalls.js';

const PAGE_SIZE = 4096;
/** Offset of the small argument (a name, a key) behind the struct in the first page. */
const ARGUMENT_OFFSET = 1024;
/** Room for the hypervisor's build-id; SHA-512 would take 64. */
const BUILD_ID_ROOM = 1024;

const NOTHING = new Uint8Array(0);

/** A sysctl, and what it needs beside its struct. */
export interface Sysctl {
  /** struct xen_sysctl, with the addresses that `argument` and `data` of the handle give. */
  readonly request: Uint8Array;
  /** Put where `argument` says. */
  readonly argument?: Uint8Array;
  /** Put where `data` says. */
  readonly data?: Uint8Array;
  /** So much of the data is given back. */
  readonly receives?: number;
  /** Repeated while the i32 at this offset of the struct is this value. */
  readonly poll?: { readonly offset: number; readonly value: number; readonly limitMs: number };
  /** A change of the last will: see {@link Hypercall}. */
  readonly will?: Uint8Array;
}

/** Return value and struct of one sysctl. */
export interface SysctlAnswer {
  readonly rc: number;
  /** A copy of struct xen_sysctl as Xen left it. */
  readonly bytes: Uint8Array;
  /** A copy of the data that was to be given back; empty where none was. */
  readonly data: Uint8Array;
}

/** What XENVER_version and XENVER_extraversion give, `4.17` and `.7`, and XENVER_build_id. */
export interface XenIdentity {
  readonly major: number;
  readonly minor: number;
  readonly extra: string;
  /** Null where Xen was built without one. */
  readonly buildId: BuildId | null;
}

/** The hypercalls that are needed, over memory that is made once and reused. */
export class XenHandle {
  readonly #calls: Hypercalls;
  readonly #page: GuestBytes;
  #data: GuestBytes;

  private constructor(calls: Hypercalls, page: GuestBytes, data: GuestBytes) {
    this.#calls = calls;
    this.#page = page;
    this.#data = data;
  }

  /** The handle closes these calls, here too where there is no memory for it. */
  static async open(calls: Hypercalls): Promise<XenHandle> {
    try {
      const page = await calls.allocate(PAGE_SIZE);
      return new XenHandle(calls, page, await calls.allocate(LIVEPATCH_MAX_SIZE));
    } catch (error) {
      await calls.close();
      throw error;
    }
  }

  /** Does one sysctl; those that are asked for together are done in that order. */
  async sysctl(request: Sysctl): Promise<SysctlAnswer> {
    const { rc, received } = await this.#calls.call(this.callOf(request));
    const [bytes = NOTHING, data = NOTHING] = received;
    return { rc, bytes, data };
  }

  /** The hypercall that does it, whenever that is. */
  callOf({ request, argument, data, receives, poll, will }: Sysctl): Hypercall {
    const { struct } = this;
    const sends: Send[] = [{ address: struct.address, bytes: request }];
    if (argument !== undefined) {
      sends.push({ address: this.argument(argument.length).address, bytes: argument });
    }
    if (data !== undefined) sends.push({ address: this.#data.address, bytes: data });
    const back = receives === undefined ? [] : [{ ...this.#data, sizeBytes: receives }];
    const call: Hypercall = {
      hypercall: HYPERVISOR_SYSCTL,
      arguments: [struct.address],
      sends,
      receives: [struct, ...back],
      ...(will === undefined ? {} : { will }),
    };
    if (poll === undefined) return call;
    const { offset, value, limitMs } = poll;
    return { ...call, poll: { address: struct.address + BigInt(offset), value, limitMs } };
  }

  /** Where the struct of a sysctl lies. */
  get struct(): GuestBytes {
    return { address: this.#page.address, sizeBytes: XEN_SYSCTL_SIZE };
  }

  /** Where a small argument of this size lies, such as a name. */
  argument(sizeBytes: number): GuestBytes {
    return { address: this.#page.address + BigInt(ARGUMENT_OFFSET), sizeBytes };
  }

  /** Where the data of a sysctl lie. */
  get data(): GuestBytes {
    return this.#data;
  }

  /** Makes room for at least so much data; where they lie may change by that. */
  async makeRoom(sizeBytes: number): Promise<void> {
    if (this.#data.sizeBytes >= sizeBytes) return;
    const former = this.#data;
    this.#data = await this.#calls.allocate(sizeBytes);
    await this.#calls.free(former);
  }

  /** What Xen says of itself. Fails with `xen-version-failed`. */
  async readIdentity(): Promise<XenIdentity> {
    const request = encodeBuildIdRequest(BUILD_ID_ROOM);
    const [version, extra, buildId] = await Promise.all([
      this.#xenVersion(XENVER.version, NOTHING),
      this.#xenVersion(XENVER.extraversion, new Uint8Array(XEN_EXTRAVERSION_SIZE)),
      this.#xenVersion(XENVER.build_id, request),
    ]);
    return {
      ...decodeVersion(version.rc),
      extra: decodeExtraVersion(extra.bytes),
      buildId: buildId.rc < 0 ? null : decodeBuildId(buildId.bytes, buildId.rc),
    };
  }

  /** With its argument, and what Xen made of that. */
  async #xenVersion(
    operation: number,
    argument: Uint8Array,
  ): Promise<{ readonly rc: number; readonly bytes: Uint8Array }> {
    const room = this.argument(argument.length);
    const { rc, received } = await this.#calls.call({
      hypercall: HYPERVISOR_XEN_VERSION,
      arguments: [BigInt(operation), room.address],
      sends: [{ address: room.address, bytes: argument }],
      receives: [room],
    });
    if (rc < 0 && rc !== -XEN_ERRNO.ENODATA) {
      throw new XspliceError(
        'xen-version-failed',
        `Xen did not tell its version (xen_version ${operation}): ${errnoName(rc)}`,
      );
    }
    return { rc, bytes: received[0] ?? NOTHING };
  }

  /** Gives memory and device back. Safe to call twice. */
  close(): Promise<void> {
    return this.#calls.close();
  }
}

/** A hypervisor that answers, and the sysctl interface version that it speaks. */
export interface XenConnection {
  readonly handle: XenHandle;
  readonly version: InterfaceVersion;
  /** What it told of its list when the version was found; absent where it was known before. */
  readonly sizes?: ListAnswer;
}
