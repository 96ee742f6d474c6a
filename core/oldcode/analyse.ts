import { createHash } from 'node:crypto';
import { countLeading } from '../abi/address.js';
import { ENDBR64_LEN, LIVEPATCH_OPAQUE_SIZE } from '../abi/livepatch.js';
import type { Disassembler, Instruction } from '../x86/index.js';
import { identityOf } from './identity.js';
import { imageBytes } from './image-code.js';
import { ownerOf, patchesByAddress, type RunningCode, throughTrampolines } from './running.js';
import { type BootPatchSite, sitesWithin } from './sites.js';

/** What one function does, as far as its own bytes tell. */
export interface CodeNode {
  /** Of the function that callers mean, whoever owns its code now. Escape before printing. */
  readonly name: string;
  /** Where the code that runs begins. */
  readonly address: bigint;
  /** Without the padding at its end. */
  readonly sizeBytes: number;
  /** Name of the payload that the code is in; null for the hypervisor. */
  readonly owner: string | null;
  /** See {@link analyseCode}; 32 hex digits. */
  readonly digest: string;
  /** Where the code begins that it calls, jumps to or runs on into; each once, itself left out. */
  readonly callees: readonly bigint[];
  /** Calls and jumps whose target is not known, and bytes that are no instruction. */
  readonly unknownEdges: number;
  /** What RIP-relative operands refer to, code excepted; each once. */
  readonly dataAddresses: readonly bigint[];
}

/** Marks how digests are made: digests with another mark say nothing about each other. */
export const DIGEST_FORMAT = 'xsplice-code-1';
const DIGEST_DIGITS = 32;
/** What functions return through where return thunks are built in. */
export const RETURN_THUNK = '__x86_return_thunk';
const INDIRECT_THUNK = /^__x86_indirect_(thunk|call_thunk)_/;

/**
 * Decodes the code that begins at an address, and gives its digest and its edges. Null where no code is
 * known to begin there.
 *
 * The digest is over the instructions as they run, with three things taken out of the bytes and put
 * in again by name. Fields that hold a distance or an address: what lies at their target (see
 * identityOf), so that code that was moved, or whose callee was, is equal. Sites that Xen changes at
 * boot: what the image has there and all that it may be replaced with, so that the CPU does not matter.
 * The padding behind the last instruction: nothing.
 */
export function analyseCode(
  disassembler: Disassembler,
  code: RunningCode,
  address: bigint,
): CodeNode | null {
  const owner = ownerOf(code, address);
  const extent = owner?.extent;
  if (owner === null || !extent || extent.address !== address) return null;
  const inImage = owner.payload === null ? imageBytes(code.base, extent) : null;
  const found = code.model.memory.readOrNull(address, extent.sizeBytes) ?? inImage;
  if (found === null) return null;
  // A copy: a Buffer's slice() would not be one.
  const bytes = new Uint8Array(found);
  const end = address + BigInt(bytes.length);
  const sites = owner.payload === null ? untouchedSites(code, address, end) : [];
  if (inImage !== null) restoreSites(bytes, inImage, address, sites);

  const instructions = withoutPadding(disassembler.decodeFunction(bytes, address));
  const last = instructions.at(-1);
  const sizeBytes = last === undefined ? 0 : Number(last.address - address) + last.length;
  const edges = new Edges(code, address, end);
  const hash = createHash('sha256').update(`${DIGEST_FORMAT}\n${sizeBytes}\n`);
  hash.update(normalise(code, edges, instructions, bytes.subarray(0, sizeBytes), address));
  for (const site of sites) {
    hash.update(`site ${site.kind} +${site.address - address} ${site.sizeBytes}\n`);
    if (site.kind === 'alternative-call') edges.unknown++;
    for (const { feature, address: from, bytes: replacement } of site.replacements) {
      const alternative = disassembler.decodeFunction(replacement, from);
      hash.update(`feature ${feature}\n`);
      hash.update(normalise(code, edges, alternative, new Uint8Array(replacement), from));
    }
  }
  // Behind the last function of a range lies what is no code, e.g. replacements for sites.
  if (runsOn(last, sizeBytes === bytes.length) && ownerOf(code, end)?.extent != null) {
    edges.follow(end);
    hash.update(`then ${identityOf(code, end)}\n`);
  }
  return {
    name: extent.name,
    address,
    sizeBytes,
    owner: owner.payload?.payload.name ?? null,
    digest: hash.digest('hex').slice(0, DIGEST_DIGITS),
    callees: [...edges.callees],
    unknownEdges: edges.unknown,
    dataAddresses: [...edges.data],
  };
}

/** Sites of Xen's own text that no payload has written over. */
function untouchedSites(code: RunningCode, from: bigint, to: bigint): readonly BootPatchSite[] {
  const sites = sitesWithin(code.base.sites, from, to);
  if (sites.length === 0) return sites;
  const written = writtenWithin(code, from, to);
  return sites.filter(
    ({ address, sizeBytes }) =>
      address >= from &&
      address + BigInt(sizeBytes) <= to &&
      !written.some(({ start, end }) => address < end && address + BigInt(sizeBytes) > start),
  );
}

interface Written {
  readonly start: bigint;
  /** One past the last. */
  readonly end: bigint;
}

/** Where payloads have written, by ascending start: made once for a hypervisor, when first asked for. */
const writtenBy = new WeakMap<RunningCode, readonly Written[]>();

/** The most bytes that a patch changes, from the address that it names. */
const MOST_WRITTEN = BigInt(LIVEPATCH_OPAQUE_SIZE + ENDBR64_LEN);

function writtenWithin(code: RunningCode, from: bigint, to: bigint): readonly Written[] {
  const all = writtenBy.get(code) ?? writtenIn(code);
  writtenBy.set(code, all);
  const first = countLeading(all, ({ start }) => start < from - MOST_WRITTEN);
  const end = countLeading(all, ({ start }) => start < to);
  return all.slice(first, end);
}

function writtenIn(code: RunningCode): readonly Written[] {
  const longest = new Map<bigint, bigint>();
  for (const patches of patchesByAddress(code).values()) {
    for (const { oldAddress, patchOffset, savedBytes } of patches) {
      const start = oldAddress + BigInt(patchOffset);
      const end = start + BigInt(savedBytes.length);
      if (end > (longest.get(start) ?? start)) longest.set(start, end);
    }
  }
  return [...longest]
    .map(([start, end]): Written => ({ start, end }))
    .sort((a, b) => (a.start < b.start ? -1 : 1));
}

function restoreSites(
  bytes: Uint8Array,
  inImage: Uint8Array,
  start: bigint,
  sites: readonly BootPatchSite[],
): void {
  for (const { address, sizeBytes } of sites) {
    const at = Number(address - start);
    bytes.set(inImage.subarray(at, at + sizeBytes), at);
  }
}

/** The edges of one function, collected while it is walked. */
class Edges {
  readonly callees = new Set<bigint>();
  readonly data = new Set<bigint>();
  unknown = 0;
  readonly #code: RunningCode;
  readonly #start: bigint;
  readonly #end: bigint;

  constructor(code: RunningCode, start: bigint, end: bigint) {
    this.#code = code;
    this.#start = start;
    this.#end = end;
  }

  /** A direct branch, or the end of the code with no branch at all. */
  follow(target: bigint): void {
    if (target >= this.#start && target < this.#end) return;
    const extent = ownerOf(this.#code, target)?.extent;
    if (!extent) {
      this.unknown++;
      return;
    }
    if (extent.name === RETURN_THUNK) return;
    if (INDIRECT_THUNK.test(extent.name)) {
      this.unknown++;
      return;
    }
    const running = throughTrampolines(this.#code, extent.address);
    if (running !== this.#start) this.callees.add(running);
  }

  note(instruction: Instruction): void {
    switch (instruction.flow) {
      case 'indirect-call':
      case 'indirect-jump':
      case 'invalid':
      case 'truncated':
        this.unknown++;
        break;
      default:
        if (instruction.target !== null) this.follow(instruction.target);
    }
    const { ripTarget } = instruction;
    if (ripTarget !== null && ownerOf(this.#code, ripTarget)?.extent == null) {
      this.data.add(ripTarget);
    }
  }
}

/** The bytes with every address taken out, and behind them what these addresses lead to. */
function normalise(
  code: RunningCode,
  edges: Edges,
  instructions: readonly Instruction[],
  bytes: Uint8Array,
  start: bigint,
): Uint8Array {
  const end = start + BigInt(bytes.length);
  const names: string[] = [];
  for (const instruction of instructions) {
    edges.note(instruction);
    const at = Number(instruction.address - start);
    for (const { kind, offset, sizeBytes } of instruction.addressFields) {
      const target =
        kind === 'branch'
          ? instruction.target
          : kind === 'rip'
            ? instruction.ripTarget
            : instruction.immediate64;
      if (target === null) continue;
      // Branches inside the function keep their distance wherever it lies.
      if (target >= start && target < end) continue;
      const name = identityOf(code, target);
      // A number that happens to have 64 bits.
      if (name === null && kind === 'absolute') continue;
      bytes.fill(0, at + offset, at + offset + sizeBytes);
      names.push(`${kind} +${at + offset} ${name ?? `nowhere ${target.toString(16)}`}\n`);
    }
  }
  return Buffer.concat([bytes, Buffer.from(names.join(''), 'latin1')]);
}

/** True where execution goes on behind the last instruction. */
function runsOn(last: Instruction | undefined, isAtEnd: boolean): boolean {
  switch (last?.flow) {
    case undefined:
    case 'next':
    case 'conditional':
      return true;
    case 'call':
    case 'indirect-call':
      // Behind a call that does not return comes padding as a rule, behind one in assembly does not.
      return isAtEnd;
    default:
      return false;
  }
}

function withoutPadding(instructions: readonly Instruction[]): readonly Instruction[] {
  let end = instructions.length;
  for (; end > 0; end--) {
    const last = instructions[end - 1];
    if (last === undefined || !isPadding(last.bytes)) break;
  }
  return instructions.slice(0, end);
}

/** NOPs of any length, int3, and the zeros that fill up a section. */
function isPadding(bytes: Uint8Array): boolean {
  const start = bytes.findIndex((byte) => byte !== 0x66 && byte !== 0x2e);
  const [first, second] = bytes.subarray(Math.max(start, 0));
  if (first === 0x90 || first === 0xcc) return true;
  return (first === 0x0f && second === 0x1f) || (first === 0 && (second ?? 0) === 0);
}
