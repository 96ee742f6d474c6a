import type { Finding } from '../findings/index.js';
import type { Payload } from '../payload/index.js';
import type { FunctionComparison } from './compare.js';
import type { Overlap } from './overlap.js';

const RECORD_HINT =
  'Record its old code where it is built, with xsplice-ts record PAYLOAD --image FILE.';

/** Null for a function whose old code is the same. */
export function differenceFinding(
  { file }: Payload,
  { name, comparison }: FunctionComparison,
): Finding | null {
  switch (comparison.result) {
    case 'equal':
      return null;
    case 'unknown':
      return {
        code: 'old-code-unknown',
        severity: 'error',
        file,
        symbol: name,
        message: `Whether ${name} is what it was made against is not known: ${comparison.reason}`,
        hint: RECORD_HINT,
      };
    case 'differs': {
      const { path, expected, actual, owner, differences } = comparison;
      const last = path.at(-1) ?? name;
      const how =
        path.length > 1 ? `${name} differs through ${path.join(' → ')}` : `${name} differs`;
      const whose = owner === null ? 'the hypervisor' : `payload ${JSON.stringify(owner)}`;
      const more = differences > 1 ? `, and ${differences - 1} more that it reaches differ` : '';
      return {
        code: 'old-code-differs',
        severity: 'error',
        file,
        symbol: name,
        message:
          actual === null
            ? `${how}: there is no ${last} any more, expected digest ${expected}${more}`
            : `${how}: expected digest ${expected} of ${last}, found ${actual} in ${whose}${more}`,
        hint: 'Build the payload against the code that runs, or revert what changed it.',
        expected,
        actual: actual ?? 'none',
      };
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
  return {
    code: 'overlap',
    severity: 'error',
    file,
    symbol: name,
    message: `The payload was not made on ${them} and is not independent of it: ${what}`,
    hint: 'Build it on top of that one, and record it so: --on names the file of that payload.',
  };
}

/** Nothing tells what the payload was made against. */
export function unknownFinding(
  { file }: Payload,
  reason: string,
  functions: readonly FunctionComparison[],
): Finding {
  return {
    code: 'old-code-unknown',
    severity: 'error',
    file,
    message: `What the payload was made against is not known: ${reason}. ${comparedText(functions)}`,
    hint: RECORD_HINT,
  };
}

/** The comparison rests on build-ids, and on what Xen compares itself. */
export function noRecordFinding(
  { file }: Payload,
  ancestors: number,
  isFree: boolean,
  functions: readonly FunctionComparison[],
): Finding {
  const below = ancestors === 1 ? '1 payload' : `${ancestors} payloads`;
  const on = ancestors === 0 ? 'the hypervisor alone' : `the hypervisor and ${below}`;
  const then = isFree
    ? 'no other payload touches what it reaches'
    : 'another payload does touch it';
  return {
    code: 'no-record',
    severity: 'note',
    file,
    message: `There is no record of old code. By its build-ids the payload was made on ${on}; ${then}. ${comparedText(functions)}`,
    hint: RECORD_HINT,
  };
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
