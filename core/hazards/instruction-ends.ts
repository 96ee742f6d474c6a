import { hex } from '../abi/address.js';
import type { Finding } from '../findings/index.js';
import {
  branchesInto,
  type Instruction,
  instructionAt,
  loadDisassembler,
  mayJumpInto,
} from '../x86/index.js';
import { type OriginalCode, originalCode } from './original-code.js';
import { type Extent, hazard, originalExtentAt, type PatchSite, type Subject } from './subject.js';

const MAX_NOP_BYTES = 8n;

/**
 * arch_livepatch_apply writes bytes, not instructions. Behind NOPs the next byte runs, whatever
 * instruction it was a part of. Behind a trampoline nothing runs unless a jump from elsewhere leads
 * there, and most trampolines end inside an instruction: that is told only where such a jump cannot be
 * excluded. Direct ones are told in any case.
 */
export function checkInstructionEnds(subject: Subject): readonly Finding[] {
  if (subject.context.symbols === null) return [];
  const original = originalCode(subject.model);
  return subject.sites.flatMap((site) => {
    const code = decodedCode(subject, original, site);
    if (code === null) return [];
    return [
      ...checkSplit(subject, site, code),
      ...checkFallThrough(subject, site, code),
      ...checkJumps(subject, site, code),
    ];
  });
}

/** The function at a site, as it is without patches. */
interface DecodedCode {
  readonly extent: Extent;
  readonly instructions: readonly Instruction[];
  /** The instruction that holds the byte behind the patch; null where the code ends there. */
  readonly behind: Instruction | null;
}

/** Null where the site is no function, its code is not known, or nothing can be wrong with it. */
function decodedCode(
  subject: Subject,
  original: OriginalCode,
  { start, end, func }: PatchSite,
): DecodedCode | null {
  const extent = originalExtentAt(subject, func.oldAddress);
  if (!extent?.isCode || end <= start || extent.start !== func.oldAddress) return null;
  const to = end <= extent.end ? extent.end : end;
  const bytes = original.bytes(extent.start, to);
  if (!bytes) return null;
  const isNop = func.newAddress === 0n;
  if (!isNop && !mayJumpInto(bytes, extent.start, start, end)) return null;
  const instructions = original.instructions(extent.start, to, bytes);
  return { extent, instructions, behind: instructionAt(instructions, end) };
}

/** Where the patch ends inside an instruction that may be run from there. */
function checkSplit(
  subject: Subject,
  { start, end, name, func }: PatchSite,
  { instructions, behind: cut }: DecodedCode,
): readonly Finding[] {
  if (!cut || cut.address >= end || cut.flow === 'truncated') return [];
  const at = () => `${listed(cut)} at ${hex(cut.address)}`;
  if (func.newAddress === 0n) {
    return [
      hazard(
        subject,
        'nop-splits-instruction',
        `fills ${name} with NOPs up to ${hex(end)}, in the middle of ${at()}`,
        {
          symbol: name,
          expected: `an end at ${hex(cut.address)} or ${hex(cut.address + BigInt(cut.length))}`,
          actual: hex(end),
        },
      ),
    ];
  }
  const indirect = instructions.find(
    ({ flow, address }) => flow === 'indirect-jump' && (address < start || address >= end),
  );
  if (!indirect) return [];
  return [
    hazard(
      subject,
      'trampoline-splits-instruction',
      `writes a jump over ${name} that ends at ${hex(end)}, in the middle of ${at()}, and ${listed(indirect)} at ${hex(indirect.address)} may lead there`,
      {
        symbol: name,
        actual: hex(end),
      },
    ),
  ];
}

/** Where NOPs cover the return as well. */
function checkFallThrough(
  subject: Subject,
  { end, name, func }: PatchSite,
  { extent, instructions, behind }: DecodedCode,
): readonly Finding[] {
  if (func.newAddress !== 0n || (behind !== null && behind.address < end)) return [];
  const rest = instructions.filter(({ address }) => address >= end);
  // Where only the next symbol is known, what lies between may be padding.
  const coversAll = extent.isExact ? rest.length === 0 : rest.every(isPadding);
  if (!coversAll) return [];
  return [
    hazard(
      subject,
      'nop-falls-through',
      `fills all of ${name} with NOPs, its return too: what lies behind it runs then`,
      {
        symbol: name,
        actual: hex(end),
      },
    ),
  ];
}

/** Direct jumps to what is overwritten, from what is not. One to the start of the patch meets the new code. */
function checkJumps(
  subject: Subject,
  { start, end, name, func }: PatchSite,
  { instructions }: DecodedCode,
): readonly Finding[] {
  return branchesInto(instructions, start, end).flatMap((branch) => {
    const { address, target } = branch;
    if (target === null || (address >= start && address < end)) return [];
    if (func.newAddress === 0n && isNopStart(start, end, target)) return [];
    return [
      hazard(
        subject,
        'jump-into-patch',
        `overwrites ${hex(start)} to ${hex(end)} in ${name}, but ${listed(branch)} at ${hex(address)} leads to ${hex(target)}`,
        {
          symbol: name,
          actual: hex(target),
        },
      ),
    ];
  });
}

/** What assemblers and linkers fill the room between functions with. */
function isPadding(instruction: Instruction): boolean {
  return /^(nop|int3|(data16|cs) nop|xchg %ax, ?%ax)/.test(listed(instruction));
}

function listed(instruction: Instruction): string {
  return loadDisassembler().format(instruction);
}

/** True where one of the NOPs that Xen writes begins (add_nops: as many of 8 bytes as fit, then one more). */
function isNopStart(start: bigint, end: bigint, target: bigint): boolean {
  const distance = target - start;
  const inLongOnes = ((end - start) / MAX_NOP_BYTES) * MAX_NOP_BYTES;
  return distance <= inLongOnes && distance % MAX_NOP_BYTES === 0n;
}
