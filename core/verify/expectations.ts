import { XEN_ERRNO } from '../abi/errno.js';
import type { Reason } from './advice.js';
import { functionsOf } from './function.js';
import type { AddressSpace } from './memory.js';
import type { ModelPayload } from './model.js';
import type { Rules } from './rules.js';
import type { LogLine, Whereabouts } from './verdict.js';

/** What livepatch_check_expectations prints for the functions' bytes and returns: 0 or a positive errno. */
export interface ExpectationResult {
  readonly errno: number;
  readonly log: readonly LogLine[];
  /** The function, and both bytes where they were compared; empty where all expectations hold. */
  readonly where: Whereabouts;
  /** Why one does not hold; null where all do. */
  readonly reason: Reason | null;
}

const HOLDS = { errno: 0, where: {}, reason: null } as const;

/**
 * livepatch_check_expectations: every enabled expectation is compared with the bytes at the old
 * address as they are now. Since 4.14; APPLY checks before anything is changed, REPLACE only after
 * everything was reverted. Code that is not known is taken to be what is expected.
 */
export function checkExpectations(
  memory: AddressSpace,
  rules: Rules,
  payload: ModelPayload,
): ExpectationResult {
  if (!rules.has('payloadV2')) return { ...HOLDS, log: [] };
  const log: LogLine[] = [
    { level: 'info', text: `${payload.name}: Verifying enabled expectations for all functions` },
  ];
  for (const func of functionsOf(memory, rules, payload)) {
    const { expect } = func;
    if (!expect?.enabled) continue;
    const printedName = () => memory.printed(func.nameAddress);
    let bytes: Whereabouts = {};
    const failure = ((): readonly [errno: number, reason: Reason] | null => {
      if (func.oldAddress === 0n) return [XEN_ERRNO.EFAULT, 'expectation-without-code'];
      if (expect.reserved !== 0) return [XEN_ERRNO.EINVAL, 'expectation-reserved'];
      if (func.oldSize < expect.length) return [XEN_ERRNO.ERANGE, 'expectation-too-long'];
      if (!memory.isKnown(func.oldAddress)) {
        memory.guess(`${printedName()} has the bytes that ${payload.name} expects`);
        return null;
      }
      if (memory.equal(func.oldAddress, expect.dataAddress, expect.length)) return null;
      const expected = hexOf(memory.read(expect.dataAddress, expect.length));
      const actual = hexOf(memory.read(func.oldAddress, expect.length));
      bytes = { expected, actual };
      log.push({
        level: 'error',
        text: `${printedName()}: expectation failed: expected:${expected}, actual:${actual}`,
      });
      return [XEN_ERRNO.EINVAL, 'expectation-differs'];
    })();
    if (failure !== null) {
      const [errno, reason] = failure;
      const name = func.nameAddress === 0n ? 'unknown' : printedName();
      log.push({
        level: 'error',
        text: `${payload.name}: expectations of ${name} failed (rc=-${errno}), aborting!`,
      });
      return { errno, log, where: { symbol: name, ...bytes }, reason };
    }
  }
  return { ...HOLDS, log };
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
