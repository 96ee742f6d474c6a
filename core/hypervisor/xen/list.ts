import { errnoName, formatRc, XEN_ERRNO } from '../../abi/errno.js';
import { LIVEPATCH_MAX_SIZE, XEN_LIVEPATCH_NAME_SIZE } from '../../abi/livepatch.js';
import {
  decodeList,
  decodeListEntries,
  encodeList,
  type ListAnswer,
  type ListEntry,
  type ListRequest,
  listHasMetadata,
} from '../../abi/sysctl.js';
import { XspliceError } from '../../findings/index.js';
import type { XenConnection } from './handle/handle.js';

/** Payloads asked for with one hypercall; Xen's limit is 1024 and it may give fewer. */
const PAGE_ENTRIES = 128;
/** How often the whole list is read again because it changed meanwhile. */
const MAX_TRIES = 8;
/** More payloads than any host has: the list is not read further. */
const MAX_PAYLOADS = 65_536;
/** More metadata than any host has; Xen holds it in memory. */
const MAX_METADATA_BYTES = 64 * 1024 * 1024;

/** The whole list at one moment. */
export interface PayloadList {
  /** Equal stamps mean that nothing was uploaded or unloaded in between. */
  readonly stamp: number;
  /** In the order of upload. */
  readonly entries: readonly ListEntry[];
}

/** Why one attempt ended early: the list is no longer the one it began with. */
const CHANGED = Symbol('changed');

/** A LIST that asks for nothing but the number of payloads and their sizes. */
export const SIZES_ONLY: ListRequest = {
  index: 0,
  count: 0,
  nameSizeBytes: 0,
  metadataSizeBytes: 0,
  status: 0n,
  name: 0n,
  nameLength: 0n,
  metadata: 0n,
  metadataLength: 0n,
};

function failed(rc: number): XspliceError {
  return new XspliceError('xen-list-failed', `Xen did not list its payloads: ${formatRc(rc)}`);
}

/** How many payloads there are, and the list's stamp. Fails with `xen-list-failed`. */
export async function readSizes({ handle, version }: XenConnection): Promise<ListAnswer> {
  const { rc, bytes } = await handle.sysctl({ request: encodeList(version, SIZES_ONLY) });
  if (rc < 0) throw failed(rc);
  return decodeList(version, bytes);
}

/** Reads one page into the big buffer, laid out as status, lengths, names, metadata. */
async function readPage(
  { handle, version }: XenConnection,
  index: number,
  sizes: ListAnswer,
): Promise<readonly ListEntry[] | typeof CHANGED> {
  const count = PAGE_ENTRIES;
  const statusSize = 8 * count;
  const lengthSize = 4 * count;
  const nameSize = XEN_LIVEPATCH_NAME_SIZE * count;
  // Before 4.21 Xen does not ask how big the buffer is: a payload that takes another's place while
  // this runs must find room, and no payload's metadata is bigger than a payload.
  const metadataSize = sizes.metadataSizeBytes ?? 0;
  const metadataRoom = listHasMetadata(version) ? metadataSize + LIVEPATCH_MAX_SIZE : 0;
  const others = statusSize + 2 * lengthSize + nameSize;
  await handle.makeRoom(others + metadataRoom);
  let offset = 0;
  const part = (size: number): { address: bigint; of: (data: Uint8Array) => Uint8Array } => {
    const start = offset;
    offset += size;
    return {
      address: handle.data.address + BigInt(start),
      of: (data) => data.subarray(start, start + size),
    };
  };
  const status = part(statusSize);
  const nameLength = part(lengthSize);
  const metadataLength = part(lengthSize);
  const name = part(nameSize);
  const metadata = part(metadataRoom);
  const { rc, bytes, data } = await handle.sysctl({
    request: encodeList(version, {
      index,
      count,
      nameSizeBytes: nameSize,
      metadataSizeBytes: metadataRoom,
      status: status.address,
      name: name.address,
      nameLength: nameLength.address,
      metadata: metadata.address,
      metadataLength: metadataLength.address,
    }),
    // While the list is the one whose sizes were told, it has no more.
    receives: others + metadataSize,
  });
  // EINVAL: the list became shorter than the index. ENOBUFS: its metadata outgrew the buffer.
  if (rc === -XEN_ERRNO.EINVAL || rc === -XEN_ERRNO.ENOBUFS) return CHANGED;
  if (rc < 0) throw failed(rc);
  const answer = decodeList(version, bytes);
  if (answer.stamp !== sizes.stamp) return CHANGED;
  const arrays = {
    status: status.of(data),
    name: name.of(data),
    nameLength: nameLength.of(data),
    metadata: metadata.of(data),
    metadataLength: metadataLength.of(data),
  };
  return decodeListEntries(version, Math.min(rc, count), arrays);
}

async function tryRead(
  connection: XenConnection,
  sizes: ListAnswer,
): Promise<PayloadList | typeof CHANGED> {
  if (sizes.remaining > MAX_PAYLOADS) {
    throw new XspliceError(
      'xen-bad-answer',
      `Xen says that it holds ${sizes.remaining} payloads; ${MAX_PAYLOADS} is the most that is read`,
    );
  }
  if ((sizes.metadataSizeBytes ?? 0) > MAX_METADATA_BYTES) {
    throw new XspliceError(
      'xen-bad-answer',
      `Xen says that it holds ${sizes.metadataSizeBytes} bytes of metadata; ${MAX_METADATA_BYTES} is the most that is read`,
    );
  }
  const entries: ListEntry[] = [];
  while (entries.length < sizes.remaining) {
    const page = await readPage(connection, entries.length, sizes);
    // Xen gives none only when it was interrupted before the first; asking again costs a try.
    if (page === CHANGED || page.length === 0) return CHANGED;
    entries.push(...page);
  }
  return { stamp: sizes.stamp, entries };
}

/**
 * All payloads, page by page. When the list changes between two pages it is read again from the
 * start, a bounded number of times. `sizes` are those that Xen told a moment ago, where it was asked.
 *
 * @throws XspliceError `xen-list-changing` (exit: busy) or `xen-list-failed`.
 */
export async function readPayloadList(
  connection: XenConnection,
  sizes: ListAnswer | null = null,
): Promise<PayloadList> {
  // Of a list with something in it, the first page shows whether it is still the one that was told of.
  let told = sizes !== null && sizes.remaining > 0 ? sizes : null;
  for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
    const list = await tryRead(connection, told ?? (await readSizes(connection)));
    if (list !== CHANGED) return list;
    told = null;
  }
  throw new XspliceError(
    'xen-list-changing',
    `The list of payloads changed during each of ${MAX_TRIES} attempts to read it (${errnoName(XEN_ERRNO.EBUSY)})`,
  );
}
