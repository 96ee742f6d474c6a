import type { Finding } from '../findings/index.js';
import { findPayload, type Model, PAGE_SIZE } from '../verify/index.js';
import { branchesInto, instructionAt, loadDisassembler, mayJumpInto } from '../x86/index.js';
import { extentAt, hazard, hex, type PatchSite, type Subject, sitesOf } from './subject.js';

/** Ours: no function of Xen is larger by far, and a size out of a table is not trusted. */
const MOST_CODE_BYTES = 256n * 1024n;
const LONGEST_NOP = 8n;

/**
 * arch_livepatch_apply writes bytes, not instructions. Behind NOPs the next byte runs, whatever
 * instruction it was a part of. Behind a trampoline nothing runs unless a jump from elsewhere leads
 * there, and most trampolines end inside an instruction: that is told only where such a jump cannot be
 * excluded. Direct ones are told in any case.
 */
export function checkInstructionEnds(subject: Subject): readonly Finding[] {
  if (subject.context.symbols === null) return [];
  return subject.sites.flatMap((site) => checkSite(subject, site));
}

function checkSite(subject: Subject, site: PatchSite): readonly Finding[] {
  const { start, end, name, func } = site;
  const extent = extentAt(subject, func.oldAddress);
  if (!extent?.isCode || end <= start || extent.start !== func.oldAddress) return [];
  const isWithin = end <= extent.end;
  const bytes = originalBytes(subject.model, extent.start, isWithin ? extent.end : end);
  if (!bytes) return [];
  const isNop = func.newAddress === 0n;
  if (!isNop && !mayJumpInto(bytes, extent.start, start, end)) return [];
  const disassembler = loadDisassembler();
  const instructions = disassembler.decodeFunction(bytes, extent.start);
  const found: Finding[] = [];
  const symbol = name;

  const cut = instructionAt(instructions, end);
  if (cut && cut.address < end && cut.flow !== 'truncated') {
    const at = () => `${disassembler.format(cut)} at ${hex(cut.address)}`;
    const indirect = instructions.find(
      ({ flow, address }) => flow === 'indirect-jump' && (address < start || address >= end),
    );
    if (isNop) {
      found.push(
        hazard(
          subject,
          'nop-splits-instruction',
          `fills ${name} with NOPs up to ${hex(end)}, in the middle of ${at()}`,
          {
            symbol,
            expected: `an end at ${hex(cut.address)} or ${hex(cut.address + BigInt(cut.length))}`,
            actual: hex(end),
          },
        ),
      );
    } else if (indirect) {
      found.push(
        hazard(
          subject,
          'trampoline-splits-instruction',
          `writes a jump over ${name} that ends at ${hex(end)}, in the middle of ${at()}, and ${disassembler.format(indirect)} at ${hex(indirect.address)} may lead there`,
          {
            symbol,
            actual: hex(end),
          },
        ),
      );
    }
  }
  if (isNop && cut === null && end >= extent.end && extent.isExact) {
    found.push(
      hazard(
        subject,
        'nop-falls-through',
        `fills all of ${name} with NOPs, its return too: what lies behind it runs then`,
        {
          symbol,
          actual: hex(end),
        },
      ),
    );
  }
  // A jump to the start of the patch meets the new code; one of the overwritten ones is gone.
  const into = branchesInto(instructions, start, end).filter(
    ({ address }) => address < start || address >= end,
  );
  for (const branch of into) {
    if (isNop && isNopStart(start, end, branch.target ?? 0n)) continue;
    found.push(
      hazard(
        subject,
        'jump-into-patch',
        `overwrites ${hex(start)} to ${hex(end)} in ${name}, but ${disassembler.format(branch)} at ${hex(branch.address)} leads to ${hex(branch.target ?? 0n)}`,
        {
          symbol,
          actual: hex(branch.target ?? 0n),
        },
      ),
    );
  }
  return found;
}

/**
 * The code as it is without the patches that are applied: behind a patch, that is what runs. Null
 * where it is not mapped or not known, or is more than any function has.
 */
function originalBytes(model: Model, from: bigint, to: bigint): Uint8Array | null {
  if (to - from > MOST_CODE_BYTES || !model.memory.isKnown(from)) return null;
  for (let at = from; at < to; at += PAGE_SIZE) if (!model.memory.isMapped(at)) return null;
  if (!model.memory.isMapped(to - 1n)) return null;
  const bytes = Uint8Array.from(model.memory.read(from, Number(to - from)));
  for (const name of [...model.applied].reverse()) {
    const payload = findPayload(model, name);
    if (!payload) continue;
    sitesOf(model, payload).forEach(({ start }, i) => {
      const saved = payload.functionStates[i]?.savedBytes ?? new Uint8Array(0);
      const at = Number(start - from);
      if (at >= 0 && at + saved.length <= bytes.length) bytes.set(saved, at);
    });
  }
  return bytes;
}

/** True where one of the NOPs that Xen writes begins (add_nops: as many of 8 bytes as fit, then one more). */
function isNopStart(start: bigint, end: bigint, target: bigint): boolean {
  const distance = target - start;
  const inLongOnes = ((end - start) / LONGEST_NOP) * LONGEST_NOP;
  return distance <= inLongOnes && distance % LONGEST_NOP === 0n;
}
