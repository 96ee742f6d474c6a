import { hex } from '../abi/address.js';
import { type Finding, finding } from '../findings/index.js';
import type { PayloadInput } from '../payload/index.js';
import type { Verdict } from '../verify/index.js';
import { bounded } from './bounded.js';

/** What Xen writes, or may write, outside a payload while it loads it. */
export function strayWritesOf(
  { planned: { file } }: PayloadInput,
  { strayWrites = [] }: Verdict,
): readonly Finding[] {
  return bounded(
    strayWrites.map(({ section, offset, address, bytes, when }) => {
      const does = when === null ? 'is written' : `is written where ${when}`;
      return finding('alternative-outside', {
        ...{ file, section, offset },
        message: `${file}: the alternative at offset ${offset} of ${section} is for ${bytes} bytes at ${hex(address)}, outside the payload's text, which ${does}`,
      });
    }),
  );
}
