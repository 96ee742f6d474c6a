import { hex } from '../abi/address.js';
import type { Finding } from '../findings/index.js';
import type { PayloadSymbol } from '../verify/index.js';
import { hazard, originalExtentAt, type PatchSite, type Subject } from './subject.js';

/**
 * Xen takes sizes and addresses as the payload states them (arch_livepatch_verify_func,
 * livepatch_insn_len): what the function really is, it does not look up.
 */
export function checkSizes(subject: Subject): readonly Finding[] {
  const newCode = new Map<bigint, PayloadSymbol>();
  for (const symbol of subject.payload.symbols.toReversed()) {
    if (symbol.size > 0n) newCode.set(symbol.value, symbol);
  }
  return subject.sites.flatMap((site) => [
    ...checkOldSize(subject, site),
    ...checkNewSize(subject, site, newCode.get(site.func.newAddress)),
  ]);
}

function checkOldSize(
  subject: Subject,
  { func, name, end: patchEnd }: PatchSite,
): readonly Finding[] {
  const extent = originalExtentAt(subject, func.oldAddress);
  const symbol = name;
  if (!extent) {
    if (!subject.context.symbols || !subject.model.memory.isMapped(func.oldAddress)) return [];
    return [
      hazard(
        subject,
        'not-a-function',
        `patches ${name} at ${hex(func.oldAddress)}, which belongs to no symbol`,
        { symbol },
      ),
    ];
  }
  const { start, end, isExact } = extent;
  if (start !== func.oldAddress) {
    return [
      hazard(
        subject,
        'not-a-function',
        `patches ${name} at ${hex(func.oldAddress)}, which is ${func.oldAddress - start} bytes into ${extent.name}`,
        {
          symbol,
          expected: hex(start),
          actual: hex(func.oldAddress),
        },
      ),
    ];
  }
  if (!extent.isCode) {
    return [
      hazard(subject, 'not-a-function', `patches ${name}, which is data`, {
        symbol,
        hint: 'Change data in a load hook; a patch writes a jump there.',
      }),
    ];
  }
  const real = end - start;
  const stated = BigInt(func.oldSize);
  if (isExact ? stated === real : stated <= real) return [];
  const bound = isExact ? `${real}` : `at most ${real}`;
  const states = `states old_size ${stated} for ${name}, which has ${bound} bytes`;
  // A jump needs the room that old_size promises, and nothing else of it.
  const hasRoom = func.newAddress !== 0n && end >= patchEnd;
  return [
    hazard(
      subject,
      'old-size-differs',
      hasRoom ? `${states}: there is room for the jump all the same` : states,
      {
        symbol,
        expected: bound,
        actual: `${stated}`,
        ...(hasRoom ? { severity: 'note' } : {}),
      },
    ),
  ];
}

/** `own` is what the payload has at the new address. */
function checkNewSize(
  subject: Subject,
  { func, name }: PatchSite,
  own: PayloadSymbol | undefined,
): readonly Finding[] {
  if (func.newAddress === 0n) return [];
  if (!own || own.size === BigInt(func.newSize)) return [];
  return [
    hazard(
      subject,
      'new-size-differs',
      `states new_size ${func.newSize} for ${name}, whose new code ${own.name} has ${own.size} bytes: Xen prints it and nothing else`,
      {
        severity: 'note',
        symbol: name,
        expected: `${own.size}`,
        actual: `${func.newSize}`,
      },
    ),
  ];
}
