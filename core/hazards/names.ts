import { LIVEPATCH_FUNC } from '../abi/livepatch.js';
import type { Finding } from '../findings/index.js';
import { hazard, hex, type Subject } from './subject.js';

/**
 * Names that lead nowhere. The loader reads a function's name only to look its address up, so that one with
 * an address of its own may have any pointer there. livepatch_printall (debug key x, which lists the
 * payloads) prints the name of every function. All releases.
 */
export function checkNames(subject: Subject): readonly Finding[] {
  const { memory } = subject.model;
  return subject.sites.flatMap(({ func }, i) => {
    if (memory.canPrint(func.nameAddress)) return [];
    const entryBytes = LIVEPATCH_FUNC.sizeBytes[subject.model.rules.payloadVersion];
    return [
      hazard(
        subject,
        'function-name-unmapped',
        `has a function (entry ${i}) whose name is at ${hex(func.nameAddress)}, where no text is mapped: Xen reads it when debug key x lists the payloads`,
        {
          section: '.livepatch.funcs',
          offset: BigInt(i * entryBytes + LIVEPATCH_FUNC.name),
          hint: 'Build the payload again: the name of each function has to be a string in it. Do not press debug key x while it is loaded.',
        },
      ),
    ];
  });
}
