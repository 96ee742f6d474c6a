import { XspliceError } from '../findings/index.js';
import {
  LIVEPATCH_ACTION,
  LIVEPATCH_ACTION_APPLY_NODEPS,
  LIVEPATCH_STATE,
  type PayloadState,
  XEN_LIVEPATCH_NAME_SIZE,
} from './livepatch.js';

/**
 * The part of struct xen_sysctl (xen/include/public/sysctl.h) that this project speaks, as plain
 * functions over bytes. The layout follows the interface version that the hypervisor accepted.
 */

/** Number of the hypercall (xen/include/public/xen.h). */
export const HYPERVISOR_SYSCTL = 35;

/** Size of struct xen_sysctl: cmd, interface_version and a union of 128 bytes. Xen copies all of it. */
export const XEN_SYSCTL_SIZE = 136;

/** The interface versions whose layouts are known here, newest first: the order in which to try. */
export const SYSCTL_INTERFACE_VERSIONS = [0x16, 0x15, 0x14, 0x13, 0x12] as const;
export type InterfaceVersion = (typeof SYSCTL_INTERFACE_VERSIONS)[number];

/** The releases that speak an interface version, for messages. */
export const RELEASES_OF_INTERFACE: Readonly<Record<InterfaceVersion, string>> = {
  22: '4.21 and 4.22',
  21: '4.17 to 4.20',
  20: '4.16',
  19: '4.14 and 4.15',
  18: '4.12 and 4.13',
};

const COMMAND = { readconsole: 1, physinfo: 3, debug_keys: 7, livepatch_op: 27 } as const;
const LIVEPATCH_COMMAND = { upload: 0, get: 1, list: 2, action: 3 } as const;

/** Offset of the union in struct xen_sysctl, and of the union in struct xen_sysctl_livepatch_op. */
const UNION = 8;
const LIVEPATCH_UNION = 16;
/** Size of struct xen_livepatch_name. */
const NAME_STRUCT_SIZE = 16;

/** Where bytes for Xen lie: a guest address, and how many of them. */
export interface GuestBytes {
  readonly address: bigint;
  readonly sizeBytes: number;
}

function sysctl(command: number, version: InterfaceVersion): Buffer {
  const bytes = Buffer.alloc(XEN_SYSCTL_SIZE);
  bytes.writeUInt32LE(command, 0);
  bytes.writeUInt32LE(version, 4);
  return bytes;
}

function livepatchSysctl(command: number, version: InterfaceVersion): Buffer {
  const bytes = sysctl(COMMAND.livepatch_op, version);
  bytes.writeUInt32LE(command, UNION);
  return bytes;
}

/** A question about the machine, which has nothing to do with live patching (XEN_SYSCTL_physinfo). */
export function encodePhysinfo(version: InterfaceVersion): Uint8Array {
  return sysctl(COMMAND.physinfo, version);
}

function writeName(bytes: Buffer, name: GuestBytes): void {
  bytes.writeBigUInt64LE(name.address, LIVEPATCH_UNION);
  bytes.writeUInt16LE(name.sizeBytes, LIVEPATCH_UNION + 8);
}

/**
 * A payload's name as Xen takes it: its bytes (latin1) and a NUL.
 *
 * @throws XspliceError `payload-bad-name` for a NUL, a character above U+00FF, or more than 127 bytes.
 */
export function encodeName(name: string): Uint8Array {
  const shown = JSON.stringify(name);
  for (let index = 0; index < name.length; index++) {
    const code = name.charCodeAt(index);
    if (code !== 0 && code <= 0xff) continue;
    const what = code === 0 ? 'a NUL' : 'a character that is not one byte';
    throw new XspliceError('payload-bad-name', `The name ${shown} has ${what} at ${index}`, {
      hint: 'Choose a name of plain characters.',
    });
  }
  if (name.length >= XEN_LIVEPATCH_NAME_SIZE) {
    throw new XspliceError(
      'payload-bad-name',
      `The name ${shown} has ${name.length} bytes; Xen takes ${XEN_LIVEPATCH_NAME_SIZE - 1} at most`,
      { hint: 'Choose a shorter name.' },
    );
  }
  return Buffer.from(`${name}\0`, 'latin1');
}

/** XEN_SYSCTL_LIVEPATCH_UPLOAD: loads the payload's bytes under a name. */
export function encodeUpload(
  version: InterfaceVersion,
  name: GuestBytes,
  payload: GuestBytes,
): Uint8Array {
  const bytes = livepatchSysctl(LIVEPATCH_COMMAND.upload, version);
  writeName(bytes, name);
  bytes.writeBigUInt64LE(BigInt(payload.sizeBytes), LIVEPATCH_UNION + NAME_STRUCT_SIZE);
  bytes.writeBigUInt64LE(payload.address, LIVEPATCH_UNION + NAME_STRUCT_SIZE + 8);
  return bytes;
}

/** Where {@link encodeGet} has the payload's state when it was answered, a u32. */
export const GET_STATE_OFFSET = LIVEPATCH_UNION + NAME_STRUCT_SIZE;
/** Where {@link encodeGet} has the payload's rc when it was answered. */
export const GET_RC_OFFSET = LIVEPATCH_UNION + NAME_STRUCT_SIZE + 4;

/** XEN_SYSCTL_LIVEPATCH_GET: asks for one payload's state. */
export function encodeGet(version: InterfaceVersion, name: GuestBytes): Uint8Array {
  const bytes = livepatchSysctl(LIVEPATCH_COMMAND.get, version);
  writeName(bytes, name);
  return bytes;
}

/** struct xen_livepatch_status. */
export interface PayloadStatus {
  readonly state: PayloadState;
  /** 0, a negative errno, or -EAGAIN (-11) while an action is in progress. */
  readonly rc: number;
}

const STATE_NAMES = new Map<number, PayloadState>([
  [LIVEPATCH_STATE.CHECKED, 'CHECKED'],
  [LIVEPATCH_STATE.APPLIED, 'APPLIED'],
]);

function decodeStatus(bytes: Buffer, offset: number): PayloadStatus {
  const value = bytes.readUInt32LE(offset);
  const state = STATE_NAMES.get(value);
  if (state === undefined) {
    throw new XspliceError(
      'xen-bad-answer',
      `Xen gave the payload state ${value}; only 1 (CHECKED) and 2 (APPLIED) are known`,
      { hint: 'The hypervisor is newer than this program, or its answer was damaged.' },
    );
  }
  return { state, rc: bytes.readInt32LE(offset + 4) };
}

function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The answer to {@link encodeGet}: the same struct after the hypercall. */
export function decodeGet(bytes: Uint8Array): PayloadStatus {
  return decodeStatus(bufferOver(bytes), LIVEPATCH_UNION + NAME_STRUCT_SIZE);
}

/** What LIST is asked. */
export interface ListRequest {
  /** First payload wanted, from 0. */
  readonly index: number;
  /** How many; 0 asks only for the number of payloads and the total sizes. */
  readonly count: number;
  /** Sizes of the two buffers; interface 0x16 obeys them, earlier ones ignore them. */
  readonly nameSizeBytes: number;
  readonly metadataSizeBytes: number;
  /** Guest addresses of the arrays that Xen fills. The last two are unused before 0x13. */
  readonly status: bigint;
  readonly name: bigint;
  readonly nameLength: bigint;
  readonly metadata: bigint;
  readonly metadataLength: bigint;
}

/** True where LIST has the names packed and gives metadata: from 4.14. */
export function listHasMetadata(version: InterfaceVersion): boolean {
  return version >= 0x13;
}

/** True where LIST obeys the sizes of its buffers: from 4.21. */
export function listObeysSizes(version: InterfaceVersion): boolean {
  return version >= 0x16;
}

/** XEN_SYSCTL_LIVEPATCH_LIST: asks for a page of the list, in the order of upload. */
export function encodeList(version: InterfaceVersion, request: ListRequest): Uint8Array {
  const bytes = livepatchSysctl(LIVEPATCH_COMMAND.list, version);
  bytes.writeUInt32LE(request.index, LIVEPATCH_UNION + 4);
  bytes.writeUInt32LE(request.count, LIVEPATCH_UNION + 8);
  let handles: readonly bigint[] = [request.status, request.name, request.nameLength];
  let offset = LIVEPATCH_UNION + 16;
  if (listHasMetadata(version)) {
    const obeyed = listObeysSizes(version);
    bytes.writeUInt32LE(obeyed ? request.nameSizeBytes : 0, offset);
    bytes.writeUInt32LE(obeyed ? request.metadataSizeBytes : 0, offset + 4);
    handles = [...handles, request.metadata, request.metadataLength];
    offset += 8;
  }
  for (const [index, handle] of handles.entries()) {
    bytes.writeBigUInt64LE(handle, offset + 8 * index);
  }
  return bytes;
}

/** Where {@link encodeList} has the stamp when it was answered, a u32. */
export const LIST_STAMP_OFFSET = LIVEPATCH_UNION;

/** What LIST says beside the entries. */
export interface ListAnswer {
  /** Changes whenever the list does: pages of different stamps do not belong together. */
  readonly stamp: number;
  /** Payloads behind the last one given. */
  readonly remaining: number;
  /** Total bytes of names and metadata; null before 0x13, where LIST does not tell. */
  readonly nameSizeBytes: number | null;
  readonly metadataSizeBytes: number | null;
}

/** The answer to {@link encodeList}: the same struct after the hypercall. */
export function decodeList(version: InterfaceVersion, answer: Uint8Array): ListAnswer {
  const bytes = bufferOver(answer);
  const hasSizes = listHasMetadata(version);
  return {
    stamp: bytes.readUInt32LE(LIVEPATCH_UNION),
    remaining: bytes.readUInt32LE(LIVEPATCH_UNION + 8),
    nameSizeBytes: hasSizes ? bytes.readUInt32LE(LIVEPATCH_UNION + 16) : null,
    metadataSizeBytes: hasSizes ? bytes.readUInt32LE(LIVEPATCH_UNION + 20) : null,
  };
}

/** The arrays that LIST filled. */
export interface ListArrays {
  readonly status: Uint8Array;
  readonly name: Uint8Array;
  readonly nameLength: Uint8Array;
  readonly metadata: Uint8Array;
  readonly metadataLength: Uint8Array;
}

/** One payload as LIST gives it. */
export interface ListEntry extends PayloadStatus {
  /** Any bytes but NUL, latin1-decoded. */
  readonly name: string;
  /** `key=value` strings of .modinfo, latin1-decoded; empty before 4.14. */
  readonly metadata: readonly string[];
}

function slice(bytes: Uint8Array, offset: number, size: number, what: string): Buffer {
  if (offset + size > bytes.length) {
    throw new XspliceError(
      'xen-bad-answer',
      `LIST gave ${what} of ${size} bytes at ${offset}, behind the end of its buffer (${bytes.length})`,
      { hint: 'The list may have changed in between: try again.' },
    );
  }
  return bufferOver(bytes.subarray(offset, offset + size));
}

/** Text up to the first NUL. */
function textOf(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end === -1 ? bytes.length : end);
}

/**
 * The entries of one page. Names are packed one behind the other from 4.14; before, each has a slot
 * of 128 bytes (livepatch_list).
 */
export function decodeListEntries(
  version: InterfaceVersion,
  count: number,
  arrays: ListArrays,
): readonly ListEntry[] {
  const packed = listHasMetadata(version);
  const entries: ListEntry[] = [];
  let nameOffset = 0;
  let metadataOffset = 0;
  for (let index = 0; index < count; index++) {
    const status = slice(arrays.status, 8 * index, 8, 'a status');
    const nameSize = slice(arrays.nameLength, 4 * index, 4, 'a length').readUInt32LE();
    const nameAt = packed ? nameOffset : index * XEN_LIVEPATCH_NAME_SIZE;
    const name = textOf(slice(arrays.name, nameAt, nameSize, 'a name'));
    nameOffset += nameSize;
    let metadata: readonly string[] = [];
    if (packed) {
      const size = slice(arrays.metadataLength, 4 * index, 4, 'a length').readUInt32LE();
      const text = slice(arrays.metadata, metadataOffset, size, 'metadata').toString('latin1');
      metadata = text.split('\0').filter((item) => item !== '');
      metadataOffset += size;
    }
    entries.push({ name, metadata, ...decodeStatus(status, 0) });
  }
  return entries;
}

/** What XEN_SYSCTL_LIVEPATCH_ACTION is asked. */
export interface ActionRequest {
  readonly name: GuestBytes;
  readonly action: keyof typeof LIVEPATCH_ACTION;
  /** Nanoseconds, u32; 0 is Xen's default (30 ms). */
  readonly timeoutNs: number;
  readonly nodeps: boolean;
}

/**
 * XEN_SYSCTL_LIVEPATCH_ACTION. Flags exist from 4.14.
 *
 * @throws XspliceError `xen-no-nodeps` on an older interface; `bad-timeout` for what is no u32.
 */
export function encodeAction(version: InterfaceVersion, request: ActionRequest): Uint8Array {
  if (request.nodeps && version < 0x13) {
    throw new XspliceError(
      'xen-no-nodeps',
      `This Xen (interface 0x${version.toString(16)}: ${RELEASES_OF_INTERFACE[version]}) cannot skip the comparison of depends`,
    );
  }
  const { timeoutNs } = request;
  if (!Number.isInteger(timeoutNs) || timeoutNs < 0 || timeoutNs > 0xffff_ffff) {
    throw new XspliceError(
      'bad-timeout',
      `The timeout ${timeoutNs} ns does not fit: Xen takes whole nanoseconds from 0 to ${0xffff_ffff}`,
    );
  }
  const bytes = livepatchSysctl(LIVEPATCH_COMMAND.action, version);
  writeName(bytes, request.name);
  const offset = LIVEPATCH_UNION + NAME_STRUCT_SIZE;
  bytes.writeUInt32LE(LIVEPATCH_ACTION[request.action], offset);
  bytes.writeUInt32LE(timeoutNs, offset + 4);
  if (request.nodeps) bytes.writeUInt32LE(LIVEPATCH_ACTION_APPLY_NODEPS, offset + 8);
  return bytes;
}

/**
 * XEN_SYSCTL_readconsole: copies from the console ring without clearing it, from the byte that
 * `index` numbers; null starts at the oldest byte there is.
 */
export function encodeReadConsole(
  version: InterfaceVersion,
  index: number | null,
  target: GuestBytes,
): Uint8Array {
  const bytes = sysctl(COMMAND.readconsole, version);
  bytes.writeUInt8(index === null ? 0 : 1, UNION + 1);
  bytes.writeUInt32LE(index ?? 0, UNION + 4);
  bytes.writeBigUInt64LE(target.address, UNION + 8);
  bytes.writeUInt32LE(target.sizeBytes, UNION + 16);
  return bytes;
}

/** What readconsole gave: how many bytes, and the number of the byte behind the last. */
export interface ReadConsoleAnswer {
  /** Counts all bytes ever printed, modulo 2^32. */
  readonly index: number;
  readonly sizeBytes: number;
}

/** The answer to {@link encodeReadConsole}: the same struct after the hypercall. */
export function decodeReadConsole(answer: Uint8Array): ReadConsoleAnswer {
  const bytes = bufferOver(answer);
  return { index: bytes.readUInt32LE(UNION + 4), sizeBytes: bytes.readUInt32LE(UNION + 16) };
}

/** XEN_SYSCTL_debug_keys: as if these keys were pressed on Xen's console. */
export function encodeDebugKeys(version: InterfaceVersion, keys: GuestBytes): Uint8Array {
  const bytes = sysctl(COMMAND.debug_keys, version);
  bytes.writeBigUInt64LE(keys.address, UNION);
  bytes.writeUInt32LE(keys.sizeBytes, UNION + 8);
  return bytes;
}
