import { counted, type Finding, finding } from '../findings/index.js';
import type { Payload } from '../payload/index.js';
import type { FunctionComparison } from './compare.js';
import type { Overlap } from './overlap.js';

/** Null for a function whose old code is the same. */
export function differenceFinding(
  { file }: Payload,
  { name, comparison }: FunctionComparison,
): Finding | null {
  switch (comparison.result) {
    case 'equal':
      return null;
    case 'unknown':
      return finding('old-code-unknown', {
        file,
        symbol: name,
        message: `Whether ${name} is what it was made against is not known: ${comparison.reason}`,
      });
    case 'differs': {
      const { path, expected, actual, owner, differences } = comparison;
      const last = path.at(-1) ?? name;
      const how =
        path.length > 1 ? `${name} differs through ${path.join(' → ')}` : `${name} differs`;
      const whose = owner === null ? 'the hypervisor' : `payload ${JSON.stringify(owner)}`;
      const more = differences > 1 ? `, and ${differences - 1} more that it reaches differ` : '';
      return finding('old-code-differs', {
        file,
        symbol: name,
        message:
          actual === null
            ? `${how}: there is no ${last} any more, expected digest ${expected}${more}`
            : `${how}: expected digest ${expected} of ${last}, found ${actual} in ${whose}${more}`,
        expected,
        actual: actual ?? 'none',
      });
    }
  }
}

/** Why two payloads are not independent. */
export function overlapFinding(
  { file }: Payload,
  other: string,
  { kind, name, path }: Overlap,
): Finding {
  const them = `payload ${JSON.stringify(other)}`;
  const over = path.length > 1 ? ` (${path.join(' → ')})` : '';
  const what = {
    function: `it and ${them} both replace ${name}`,
    'first-reaches-second': `it reaches ${name}, which ${them} replaces${over}`,
    'second-reaches-first': `it replaces ${name}, which ${them} reaches${over}`,
    variable: `it and ${them} both use ${name}, and one of them may change it`,
  }[kind];
  return finding('old-code-overlaps', {
    file,
    symbol: name,
    message: `The payload was not made on ${them} and is not independent of it: ${what}`,
  });
}

/** Nothing tells what the payload was made against. */
export function unknownFinding(
  { file }: Payload,
  reason: string,
  functions: readonly FunctionComparison[],
): Finding {
  return finding('old-code-unknown', {
    file,
    message: `What the payload was made against is not known: ${reason}. ${comparedText(functions)}`,
  });
}

/** The comparison rests on build-ids, and on what Xen compares itself. */
export function noRecordFinding(
  { file }: Payload,
  ancestors: number,
  isFree: boolean,
  functions: readonly FunctionComparison[],
): Finding {
  const on =
    ancestors === 0
      ? 'the hypervisor alone'
      : `the hypervisor and ${counted(ancestors, 'payload')}`;
  const then = isFree
    ? 'no other payload touches what it reaches'
    : 'another payload does touch it';
  return finding('record-absent', {
    file,
    message: `There is no record of old code. By its build-ids the payload was made on ${on}; ${then}. ${comparedText(functions)}`,
  });
}

/** How far the bytes themselves were compared, function by function. */
function comparedText(functions: readonly FunctionComparison[]): string {
  const parts = functions.flatMap(({ name, comparison }) => {
    if (!('compared' in comparison)) return [];
    const { bytes, of } = comparison.compared;
    return bytes === 0 ? [] : [`${bytes} of ${of} bytes of ${name}`];
  });
  return `Bytes compared by its own expectations: ${parts.join(', ') || 'none'}`;
}
