import { errnoName } from '../abi/errno.js';
import { nameText } from '../abi/payload-name.js';
import { type Finding, finding } from '../findings/index.js';
import { adviceOf } from './advice.js';
import type { Operation } from './answer.js';
import type { Fault, Whereabouts } from './verdict.js';

/** Which payload a fault is about. */
export interface FaultSubject {
  /** As the caller named it; absent for a payload that is loaded and whose file is not at hand. */
  readonly file?: string;
  /** Its name on the hypervisor. */
  readonly name: string;
}

/**
 * Why Xen would not accept an operation on a payload: the one place where a fault becomes words. The first
 * finding is the verdict's own reason. The others come behind it, which their codes and messages say: Xen would come upon them once the first is mended.
 */
export function findingsOfFaults(
  subject: FaultSubject,
  operation: Operation,
  faults: readonly Fault[],
): readonly Finding[] {
  return faults.map((fault, i) => findingOf(subject, operation, fault, i > 0));
}

function findingOf(
  { file, name }: FaultSubject,
  operation: Operation,
  { outcome, log, where, reason: why }: Fault,
  isBehind: boolean,
): Finding {
  const { stage } = outcome;
  const base = { ...(file === undefined ? {} : { file }), stage, ...where };
  const subject = `${file ?? nameText(name)}: ${isBehind ? 'Once that is mended, Xen' : 'Xen'}`;
  if (outcome.outcome === 'fatal') {
    return finding(isBehind ? 'would-be-fatal-next' : 'would-be-fatal', {
      ...base,
      message: `${subject} would not survive the ${operation}: ${outcome.cause}${unsaid(where, outcome.cause)}`,
      hint: `Do not ${operation} it${operation === 'upload' ? ' anywhere' : ''}. ${adviceOf(why, where)}`,
    });
  }
  const reason = reasonIn(log);
  const printed = reason === undefined ? 'prints nothing' : `prints "${nameText(reason)}"`;
  return finding(isBehind ? 'would-be-refused-next' : 'would-be-refused', {
    ...base,
    message: `${subject} would refuse the ${operation} with ${errnoName(outcome.errno)} and ${printed}${unsaid(where, reason ?? '')}`,
    hint: adviceOf(why, where),
    errno: outcome.errno,
  });
}

/** The line that says why: the last one, or the one that those which are indented belong to. */
function reasonIn(log: Fault['log']): string | undefined {
  return log.findLast(({ text }) => !text.startsWith(' '))?.text ?? log.at(-1)?.text;
}

/** What is known of a fault and not in the line that Xen prints; empty where that says it all. */
function unsaid({ section, symbol, offset, expected, actual }: Whereabouts, line: string): string {
  const names = [section, symbol].flatMap((name) =>
    name === undefined || line.includes(name) ? [] : nameText(name),
  );
  const place = offset === undefined ? names : [...names, `offset 0x${offset.toString(16)}`];
  const values = [
    ...(actual === undefined || line.includes(actual) ? [] : [actual]),
    ...(expected === undefined ? [] : [`expected ${expected}`]),
  ].join(', ');
  const all = [place.join(', '), values].filter((text) => text !== '').join(': ');
  return all === '' ? '' : ` (${all})`;
}
