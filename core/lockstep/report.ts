import { type Code, type Finding, finding } from '../findings/index.js';
import type { HostFacts } from './host.js';
import type { ModuleVerdict } from './judge.js';
import { UNVERSIONED } from './linked/index.js';
import type { LockstepVerdict } from './verdict.js';

/** A host with what it does with each module. */
export interface HostReport {
  /** As it was named: a path, or `pid:N`. */
  readonly host: string;
  readonly facts: HostFacts;
  /** What the dynamic linker does with the host itself; of a hypervisor always accepted. */
  readonly start: LockstepVerdict;
  readonly modules: readonly ModuleVerdict[];
  /** The modules were named; false where they are those of the host's own folders. */
  readonly isNamed: boolean;
  /** What was found out about the host itself. */
  readonly findings: readonly Finding[];
}

export interface LockstepReport {
  /** False where a finding is an error. */
  readonly ok: boolean;
  readonly hosts: readonly HostReport[];
  /** How many modules have each outcome. */
  readonly counts: Readonly<Record<LockstepVerdict['outcome'], number>>;
  readonly findings: readonly Finding[];
}

/** The hosts with the findings that their verdicts are; `more` are about no host. */
export function lockstepReport(
  hosts: readonly HostReport[],
  more: readonly Finding[] = [],
): LockstepReport {
  const findings = [...more, ...hosts.flatMap(findingsOfHost)];
  const modules = hosts.flatMap((host) => host.modules);
  const count = (outcome: LockstepVerdict['outcome']) =>
    modules.filter((one) => one.outcome === outcome).length;
  return {
    ok: findings.every(({ severity }) => severity !== 'error'),
    hosts,
    counts: {
      accepted: count('accepted'),
      'accepted-with-loss': count('accepted-with-loss'),
      'not-proven': count('not-proven'),
      refused: count('refused'),
      fatal: count('fatal'),
      undecided: count('undecided'),
    },
    findings,
  };
}

/** It lies in the host's folder for another program of the same build, and is refused as it should be. */
export function isForOthers({ reason }: LockstepVerdict): boolean {
  return reason === 'qemu-other-target' || reason === 'qemu-other-program';
}

/**
 * Not worth a word where nobody asked about this module: it is for another program, or the dynamic linker took a library by
 * its own name that has no versions, as those of Xen 4.14 have none.
 */
export function isExpected(module: LockstepVerdict): boolean {
  const isUnversioned = module.reason === 'link-not-proven' && module.expected === UNVERSIONED;
  return isForOthers(module) || isUnversioned;
}

/** What the version of a host is called, e.g. `QEMU 7.2.22 (Debian 1:7.2)`. Escape before printing. */
export function hostText(facts: HostFacts): string {
  switch (facts.kind) {
    case 'qemu': {
      const packaged = facts.packageVersion === null ? '' : ` (${facts.packageVersion})`;
      return `QEMU ${facts.version ?? 'of an unknown version'}${packaged}`;
    }
    case 'nbdkit':
      return `nbdkit ${facts.version ?? 'of an unknown version'}`;
    case 'linked':
      return facts.soname ?? (facts.isProgram ? 'a program' : 'a library');
    case 'xen':
      return 'a hypervisor';
  }
}

function findingsOfHost(report: HostReport): readonly Finding[] {
  const { host, facts, start, modules } = report;
  const own: Finding[] = [...report.findings];
  if (start.reason !== null && facts.kind !== 'xen') {
    if (start.outcome !== 'undecided') {
      const message = `${host} does not start: ${start.says ?? start.actual}`;
      own.push(finding('lockstep-host-refused', { message, file: host }));
    } else if (modules.length === 0) {
      const message = `${host} is not decided: ${start.actual}`;
      own.push(finding('lockstep-undecided', { message, file: host }));
    }
  }
  // What xen does with payloads has findings of its own.
  if (facts.kind === 'xen') return own;
  const groups = new Map<string, ModuleVerdict[]>();
  for (const module of modules) {
    if (module.reason === null || (isExpected(module) && !report.isNamed)) continue;
    const key = [module.reason, module.expected, module.actual].join('\0');
    groups.set(key, [...(groups.get(key) ?? []), module]);
  }
  const short = modules.filter(({ missingBytes }) => missingBytes > 0);
  return [
    ...own,
    ...[...groups.values()].flatMap((group) => findingOfGroup(report, group)),
    ...short.map(({ file, missingBytes }) =>
      finding('link-file-short', { file, message: `${file} ends ${missingBytes} bytes too early` }),
    ),
  ];
}

/** Modules of one host that have the same reason and the same two values. */
function findingOfGroup(
  { host, facts }: HostReport,
  group: readonly ModuleVerdict[],
): readonly Finding[] {
  const [first, ...others] = group;
  if (first === undefined || first.reason === null) return [];
  const { file, reason, expected, actual, older } = first;
  const values = expected === null ? (actual ?? '') : `expected ${expected}, found ${actual}`;
  const age = older === null ? '' : `; the ${older} is the older`;
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  const message = `${file}${more}: ${wordsOf(reason)} ${host} (${hostText(facts)}): ${values}${age}`;
  return [
    finding(reason, {
      message,
      file,
      ...(others.length === 0 ? {} : { otherFiles: others.map((one) => one.file) }),
      ...(expected === null ? {} : { expected }),
      ...(actual === null ? {} : { actual }),
    }),
  ];
}

/** What stands between the module and its host in a sentence. */
function wordsOf(reason: Code): string {
  switch (reason) {
    case 'link-not-proven':
      return 'starts, and nothing proves that it fits';
    case 'libnbd-extents-32-bit':
      return 'asks for extents of 32 bits, with';
    case 'qemu-next-load-aborts':
      return 'is refused, and the module after it ends';
    case 'link-file-kills':
      return 'ends';
    case 'lockstep-undecided':
      return 'is not decided for';
    case 'nbdkit-callbacks-unseen':
      return 'has callbacks that are not seen by';
    case 'qemu-other-target':
    case 'qemu-other-program':
      return 'is not meant for';
    default:
      return 'is refused by';
  }
}
