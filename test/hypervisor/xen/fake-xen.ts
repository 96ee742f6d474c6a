import { XEN_SYSCTL_SIZE } from '../../../core/abi/sysctl.js';
import type { HypercallBuffer, XenCall } from '../../../core/hypervisor/xen/handle/library.js';

/** A payload as the imitation keeps it. */
export interface FakePayload {
  readonly name: string;
  readonly buildId: string;
  readonly depends: string;
  readonly metadata: string;
  state: 1 | 2;
  rc: number;
}

export type Sysctl = 'console' | 'key' | 'physinfo' | 'upload' | 'get' | 'list' | 'action';

/** What one test wants the imitation to do. */
export interface FakeSettings {
  readonly interfaceVersion: number;
  /** XENVER_extraversion, behind 4.17. */
  readonly extraVersion: string;
  /** Errno with which a sysctl is refused, e.g. 38; 0 for none. */
  readonly errnoOf: (what: Sysctl) => number;
  /** Most entries that one LIST gives, as if it was preempted. */
  readonly listLimit: number;
  /** Called before each LIST, GET and debug key; may change anything. */
  readonly before: (xen: FakeXen, what: 'list' | 'get' | 'key') => void;
  /** Size of the console ring. */
  readonly ringBytes: number;
  /** Asked at each debug key: true while another operation holds the lock that the dump needs. */
  readonly isLocked: () => boolean;
  /** Prints `finished …` lines as a hypervisor with loglvl=info does. */
  readonly printsInfo: boolean;
}

const DEFAULTS: FakeSettings = {
  interfaceVersion: 0x15,
  extraVersion: '.7',
  errnoOf: () => 0,
  listLimit: 1024,
  before: () => {},
  ringBytes: 16_384,
  isLocked: () => false,
  printsInfo: true,
};

const ENOENT = -2;
const EINVAL = -22;
const EBUSY = -16;

/** Which sysctl a struct xen_sysctl asks for. */
function sysctlOf(op: Buffer): Sysctl {
  switch (op.readUInt32LE(0)) {
    case 1:
      return 'console';
    case 3:
      return 'physinfo';
    case 7:
      return 'key';
    default:
      return (['upload', 'get', 'list', 'action'] as const)[op.readUInt32LE(8)] ?? 'action';
  }
}

/** Just enough of a hypervisor, behind the interface of libxencall: real structs in real buffers. */
export class FakeXen implements XenCall {
  readonly settings: FakeSettings;
  readonly payloads: FakePayload[] = [];
  readonly calls: string[] = [];
  readonly buildId = 'aa'.repeat(20);
  /** Everything ever printed. */
  console = '';
  stamp = 1;
  /** Answers of the next actions, before they do anything. */
  readonly actionErrnos: number[] = [];
  openBuffers = 0;
  closed = false;
  readonly #buffers: { readonly address: bigint; readonly bytes: Buffer }[] = [];
  #nextAddress = 0x10_0000n;

  constructor(settings: Partial<FakeSettings> = {}) {
    this.settings = { ...DEFAULTS, ...settings };
  }

  allocate(sizeBytes: number): HypercallBuffer {
    const entry = { address: this.#nextAddress, bytes: Buffer.alloc(sizeBytes) };
    // A gap behind each buffer: nothing may be written there.
    this.#nextAddress += BigInt(sizeBytes) + 0x10_0000n;
    this.#buffers.push(entry);
    this.openBuffers++;
    const free = (): void => {
      this.#buffers.splice(this.#buffers.indexOf(entry), 1);
      this.openBuffers--;
    };
    return { ...entry, free };
  }

  close(): void {
    this.closed = true;
  }

  /** Each line gets its own prefix, also behind a line break within one. */
  print(...lines: readonly string[]): void {
    for (const line of lines.join('\n').split('\n')) this.console += `(XEN) ${line}\n`;
  }

  add(name: string, buildId: string, depends: string, metadata = ''): FakePayload {
    const payload: FakePayload = { name, buildId, depends, metadata, state: 1, rc: 0 };
    this.payloads.push(payload);
    this.stamp++;
    return payload;
  }

  remove(...names: readonly string[]): void {
    for (const name of names) {
      this.payloads.splice(
        this.payloads.findIndex((payload) => payload.name === name),
        1,
      );
      this.stamp++;
    }
  }

  /** The guest's memory at an address; fails where no buffer of this size is. */
  #memory(address: bigint, sizeBytes: number): Buffer {
    for (const buffer of this.#buffers) {
      const offset = Number(address - buffer.address);
      if (offset >= 0 && offset + sizeBytes <= buffer.bytes.length) {
        return buffer.bytes.subarray(offset, offset + sizeBytes);
      }
    }
    throw new Error(`hypercall with ${sizeBytes} bytes at 0x${address.toString(16)}: no buffer`);
  }

  call(hypercall: number, first: bigint, second?: bigint): number {
    return second === undefined
      ? this.#sysctl(hypercall, first)
      : this.#xenVersion(hypercall, first, second);
  }

  #xenVersion(hypercall: number, operation: bigint, argument: bigint): number {
    if (hypercall !== 17) return -38;
    if (operation === 0n) return 0x0004_0011;
    if (operation === 1n) {
      this.#memory(argument, 16).write(`${this.settings.extraVersion}\0`, 'latin1');
      return 0;
    }
    this.#memory(argument, 4 + 20).write(this.buildId, 4, 'hex');
    return 20;
  }

  #sysctl(hypercall: number, argument: bigint): number {
    if (hypercall !== 35) return -38;
    const op = this.#memory(argument, XEN_SYSCTL_SIZE);
    if (op.readUInt32LE(4) !== this.settings.interfaceVersion) return -13;
    const what = sysctlOf(op);
    const errno = this.settings.errnoOf(what);
    if (errno !== 0) return -errno;
    switch (what) {
      case 'console':
        return this.#readConsole(op);
      case 'physinfo':
        return 0;
      case 'key':
        return this.#debugKey();
      case 'list':
        return this.#list(op);
      case 'upload':
        return this.#upload(op, this.#name(op));
      case 'get':
        return this.#get(op, this.#name(op));
      case 'action':
        return this.#action(op, this.#name(op));
    }
  }

  #name(op: Buffer): string {
    const bytes = this.#memory(op.readBigUInt64LE(16), op.readUInt16LE(24));
    return bytes.toString('latin1', 0, bytes.length - 1);
  }

  #upload(op: Buffer, name: string): number {
    this.calls.push(`upload ${name}`);
    const size = Number(op.readBigUInt64LE(32));
    const text = this.#memory(op.readBigUInt64LE(40), size).toString('latin1');
    if (this.payloads.some((payload) => payload.name === name)) return -17;
    const [buildId = '', depends = ''] = text.split('<');
    if (buildId === '') {
      this.print(`livepatch: ${name}: no build-id`, 'unrelated');
      return EINVAL;
    }
    this.add(name, buildId, depends);
    return 0;
  }

  #get(op: Buffer, name: string): number {
    this.settings.before(this, 'get');
    const payload = this.payloads.find((candidate) => candidate.name === name);
    if (payload === undefined) return ENOENT;
    op.writeUInt32LE(payload.state, 32);
    op.writeInt32LE(payload.rc, 36);
    return 0;
  }

  #action(op: Buffer, name: string): number {
    const command = op.readUInt32LE(32);
    this.calls.push(`action ${command} ${name}`);
    const errno = this.actionErrnos.shift() ?? 0;
    if (errno !== 0) return -errno;
    const index = this.payloads.findIndex((candidate) => candidate.name === name);
    const payload = this.payloads[index];
    if (payload === undefined) return ENOENT;
    if (command === 1) {
      if (payload.state === 2) return EINVAL;
      this.payloads.splice(index, 1);
      this.stamp++;
      return 0;
    }
    const target = command === 2 ? 1 : 2;
    if (payload.state === target) return 0;
    if (command === 2 && this.payloads.at(-1) !== payload) return EBUSY;
    payload.state = target;
    payload.rc = 0;
    const word = command === 2 ? 'REVERT' : 'APPLY';
    if (this.settings.printsInfo) {
      this.print(`livepatch: ${name}: ${word === 'APPLY' ? 'Applying 1 functions' : 'Reverting'}`);
      this.print(`livepatch: ${name} finished ${word} with rc=0`);
    }
    return 0;
  }

  #list(op: Buffer): number {
    this.settings.before(this, 'list');
    const isPacked = this.settings.interfaceVersion >= 0x13;
    const index = op.readUInt32LE(20);
    const wanted = op.readUInt32LE(24);
    if (wanted > 1024) return -7;
    if (index >= this.payloads.length && this.payloads.length > 0) return EINVAL;
    const count = wanted === 0 ? 0 : Math.min(wanted, this.settings.listLimit);
    const given = this.payloads.slice(index, index + count);
    const handles = isPacked ? 40 : 32;
    const handle = (n: number): bigint => op.readBigUInt64LE(handles + 8 * n);
    const names = given.map((payload) => Buffer.from(`${payload.name}\0`, 'latin1'));
    const metadata = given.map((payload) => Buffer.from(payload.metadata, 'latin1'));
    const rooms = [op.readUInt32LE(32), op.readUInt32LE(36)];
    if (this.settings.interfaceVersion >= 0x16 && count > 0) {
      const sizes = [Buffer.concat(names).length, Buffer.concat(metadata).length];
      if (sizes.some((size, n) => size > (rooms[n] ?? 0))) return -105;
    }
    let nameOffset = 0n;
    let metadataOffset = 0n;
    for (const [n, payload] of given.entries()) {
      const [name, data] = [names[n] ?? Buffer.alloc(0), metadata[n] ?? Buffer.alloc(0)];
      const status = this.#memory(handle(0) + BigInt(8 * n), 8);
      status.writeUInt32LE(payload.state, 0);
      status.writeInt32LE(payload.rc, 4);
      const nameAt = handle(1) + (isPacked ? nameOffset : BigInt(128 * n));
      this.#memory(nameAt, name.length).set(name);
      this.#memory(handle(2) + BigInt(4 * n), 4).writeUInt32LE(name.length);
      nameOffset += BigInt(name.length);
      if (!isPacked) continue;
      this.#memory(handle(3) + metadataOffset, data.length).set(data);
      this.#memory(handle(4) + BigInt(4 * n), 4).writeUInt32LE(data.length);
      metadataOffset += BigInt(data.length);
    }
    op.writeUInt32LE(this.stamp, 16);
    op.writeUInt32LE(this.payloads.length - index * (wanted === 0 ? 0 : 1) - given.length, 24);
    if (isPacked) {
      const all = wanted === 0 ? this.payloads : given;
      op.writeUInt32LE(
        all.reduce((sum, payload) => sum + payload.name.length + 1, 0),
        32,
      );
      op.writeUInt32LE(
        all.reduce((sum, payload) => sum + payload.metadata.length, 0),
        36,
      );
    }
    return given.length;
  }

  #readConsole(op: Buffer): number {
    const end = this.console.length;
    let start = Math.max(0, end - this.settings.ringBytes);
    const index = op.readUInt32LE(12);
    if (op.readUInt8(9) !== 0 && start < index && index <= end) start = index;
    const size = Math.min(op.readUInt32LE(24), end - start);
    this.#memory(op.readBigUInt64LE(16), size).write(this.console.slice(start), 'latin1');
    op.writeUInt32LE(start + size, 12);
    op.writeUInt32LE(size, 24);
    return 0;
  }

  #debugKey(): number {
    this.calls.push('key x');
    this.print("'x' pressed - Dumping all livepatch patches");
    if (this.settings.isLocked()) {
      this.print('Lock held. Try again.');
      return 0;
    }
    this.print(`build-id: ${this.buildId}`);
    for (const { name, state, buildId, depends } of this.payloads) {
      const word = state === 1 ? 'CHECKED' : 'APPLIED';
      this.print(
        ` name=${name} state=${word}(${state}) ffff82d0405b0000 (.data=ffff82d0405b1000, .rodata=ffff82d0405b2000) using 3 pages.`,
        '    xen_extra_version patch ffff82d040230f90(12) with ffff82d040609000 (8)',
        `build-id=${buildId}`,
        `depend-on=${depends}`,
      );
    }
    this.settings.before(this, 'key');
    return 0;
  }
}
