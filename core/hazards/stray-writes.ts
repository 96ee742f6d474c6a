import { hex } from '../abi/address.js';
import { type Finding, finding } from '../findings/index.js';
import type { Verdict } from '../verify/index.js';
import { bounded } from './bounded.js';

/** What Xen writes outside a payload, or reads from nowhere, or may, while it loads it, or until it refuses it. */
export function strayWritesOf(file: string, { strayWrites = [] }: Verdict): readonly Finding[] {
  return bounded(
    strayWrites.map(({ section, offset, access, address, bytes, when }) => {
      const place = `the alternative at offset ${offset} of ${section}`;
      if (access === 'read') {
        return finding('alternative-outside', {
          ...{ file, section, offset },
          message: `${file}: ${place} has its replacement at ${hex(address)}, where nothing is, which is read where ${when}`,
        });
      }
      const does = when === null ? 'is written' : `is written where ${when}`;
      return finding('alternative-outside', {
        ...{ file, section, offset },
        message: `${file}: ${place} is for ${bytes} bytes at ${hex(address)}, outside the payload's text, which ${does}`,
      });
    }),
  );
}
