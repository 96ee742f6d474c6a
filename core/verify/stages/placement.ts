import { PAGE_SIZE } from '../../abi/address.js';
import { XEN_ERRNO } from '../../abi/errno.js';
import { SECTION } from '../../abi/livepatch.js';
import { gatheredOf } from '../gathered.js';
import {
  doing,
  isIgnored,
  type LoadingSection,
  named,
  refuse,
  SHF_EXECINSTR,
  SHF_WRITE,
  SHT_NOBITS,
  type Stage,
} from '../loading.js';
import { wrap32, wrap64 } from '../memory.js';
import type { Model, ModelPayload } from '../model.js';
import { type Allocation, pageAlign, pagesFor, placeBehind, placeInVmap } from '../vmap.js';

/** The range of vmalloc_xen is below 1 GiB: that Xen cannot give more is certain. */
const MAX_PAGES_OF_XEN = (1n << 30n) / PAGE_SIZE;
/**
 * Ours: a file has 2 MiB at most, so that only sections which overlap in it, or are all zeros, need this much.
 * Whether a host has it to spare is not known here.
 */
const MAX_PAGES_MODELLED = (64n << 20n) / PAGE_SIZE;

type Area = 'text' | 'rw' | 'ro';

/**
 * move_payload: allocated sections go, in file order, to one of three areas (RX, RW, RO), and are
 * copied there. All releases; before 4.14.5 (4.15.3, 4.16.1) empty sections were left out.
 */
export const placement: Stage = (loading) => {
  const { sections, memory, draft } = loading;
  const sizes: Record<Area, bigint> = { text: 0n, rw: 0n, ro: 0n };
  const placed: { section: LoadingSection; area: Area; offset: bigint }[] = [];

  for (let i = 1; i < sections.length; i++) {
    const section = sections[i];
    if (!section || isIgnored(loading, section)) continue;
    const area = areaOf(section);
    if (!area) {
      return refuse(loading, XEN_ERRNO.EOPNOTSUPP, null, {
        reason: 'write-and-execute',
        ...named(loading, { section: section.nameAddress }),
        actual: 'both writable and executable',
      });
    }
    const start = roundUp(sizes[area], section.header.alignment);
    placed.push({ section, area, offset: wrap32(start) });
    sizes[area] = wrap64(section.header.size + start);
  }

  const pages = pagesFor(wrap64(pageAlign(sizes.text) + pageAlign(sizes.rw) + sizes.ro));
  if (pages > MAX_PAGES_MODELLED && pages <= MAX_PAGES_OF_XEN) {
    loading.assumptions.push(`Xen has no ${pages} pages for one payload`);
  }
  const base = pages > MAX_PAGES_MODELLED ? null : placeOf(loading.model, pages);
  if (base === null) {
    return refuse(loading, XEN_ERRNO.ENOMEM, ': Could not allocate memory for payload', {
      reason: 'no-room',
    });
  }

  const starts: Record<Area, bigint> = {
    text: base,
    rw: wrap64(base + pageAlign(sizes.text)),
    ro: wrap64(base + pageAlign(sizes.text) + pageAlign(sizes.rw)),
  };
  if (pages > 0n) {
    memory.map({
      base,
      bytes: new Uint8Array(Number(pages * PAGE_SIZE)),
      writable: true,
      label: `payload ${loading.name}`,
    });
  }
  draft.allocation = { base, pages };
  draft.text = { address: starts.text, sizeBytes: sizes.text };
  draft.rw = { address: starts.rw, sizeBytes: sizes.rw };
  draft.ro = { address: starts.ro, sizeBytes: sizes.ro };

  const writableSections: LoadingSection[] = [];
  for (const { section, area, offset } of placed) {
    const { size, type } = section.header;
    if (area === 'rw' && size !== 0n) writableSections.push(section);
    const to = wrap64(starts[area] + offset);
    doing(
      loading,
      { reason: 'size-wraps', ...named(loading, { section: section.nameAddress }) },
      () => {
        if (type === SHT_NOBITS) memory.zero(to, size);
        else memory.copy(to, section.dataAddress, size);
      },
    );
    section.loadAddress = to;
  }

  const only = writableSections.length === 1 ? writableSections[0] : undefined;
  draft.safeToReapply =
    writableSections.length === 0 ||
    (only !== undefined && memory.isString(only.nameAddress, SECTION.funcs));
  return 0;
};

/** Where vmalloc_xen puts the next payload; null where there is no room. */
function placeOf(model: Model, pages: bigint): bigint | null {
  const { vmapStart, payloads } = model;
  const { isPacked, last } = roomOf(model, payloads);
  if (isPacked) return placeBehind(vmapStart, last, pages);
  const allocations = payloads.map(({ allocation }) => allocation);
  return placeInVmap(vmapStart, allocations, pages);
}

/** Whether the payloads lie one behind the other, without a gap, and the last of them. */
const roomOf = gatheredOf({
  start: (): { isPacked: boolean; last: Allocation | null } => ({ isPacked: true, last: null }),
  add: (room, { allocation }: ModelPayload, { vmapStart }: Model) => {
    const before = { ...room };
    if (allocation.pages > 0n) {
      room.isPacked &&= allocation.base === placeBehind(vmapStart, room.last, allocation.pages);
      room.last = allocation;
    }
    return () => void Object.assign(room, before);
  },
});

function areaOf({ header }: LoadingSection): Area | null {
  const executable = (header.flags & SHF_EXECINSTR) !== 0n;
  const writable = (header.flags & SHF_WRITE) !== 0n;
  if (executable && writable) return null;
  if (executable) return 'text';
  return writable ? 'rw' : 'ro';
}

/** ROUNDUP, wrapping: an alignment of 0 gives 0, so that such a section lands on its area's start. */
function roundUp(size: bigint, alignment: bigint): bigint {
  return wrap64(wrap64(size + alignment - 1n) & wrap64(~wrap64(alignment - 1n)));
}
