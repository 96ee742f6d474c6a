import type { LinkFailure } from '../link/index.js';
import { highest, olderOf } from './age.js';
import { type LockstepVerdict, undecided, verdict } from './verdict.js';

/**
 * What the dynamic linker's failure means for the host. `lacking` is the side that has not what the other
 * wants: it is the older one only where numbers say so.
 */
export function verdictOfFailure(
  failure: LinkFailure,
  lacking: 'host' | 'module' = 'host',
): LockstepVerdict {
  const { text } = failure;
  switch (failure.kind) {
    case 'missing':
      return refused('link-library-missing', text, failure.name, 'no such library');
    case 'file':
      return refused('link-file-refused', text, 'a library that can be loaded', failure.name);
    case 'kills':
      return verdict('fatal', 'link-file-kills', {
        by: 'linker',
        expected: 'a file that reaches to the end of its segments',
        actual: `${failure.name}: ${text}`,
      });
    case 'damaged':
      return undecided(`the tables of ${failure.name} are damaged: ${text}`);
    case 'version': {
      const { name, wanted, present } = failure;
      const newest = highest(present.filter((one) => sameFamily(one, wanted)));
      return {
        ...refused(
          'link-version-missing',
          text,
          `${wanted} of ${name}`,
          newest ?? 'another set of versions',
        ),
        older: lacking === 'host' ? olderOf(newest, wanted) : olderOf(wanted, newest),
      };
    }
    case 'symbol': {
      const { name, wanted } = failure;
      const symbol = wanted === null ? name : `${name}, version ${wanted}`;
      return refused('link-symbol-missing', text, `the symbol ${symbol}`, 'defined nowhere');
    }
  }
}

function refused(
  reason: Parameters<typeof verdict>[1],
  says: string,
  expected: string,
  actual: string,
): LockstepVerdict {
  return verdict('refused', reason, { by: 'linker', says, expected, actual });
}

/** `LIBNBD_1.18` and `LIBNBD_1.12`. */
function sameFamily(one: string, other: string): boolean {
  const stem = (name: string) => name.replace(/[\d.]+$/, '');
  return stem(one) === stem(other) && /\d$/.test(one);
}
