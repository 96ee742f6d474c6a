import { type Finding, finding } from '../findings/index.js';
import { type ChainMember, type InputFile, readInputs } from '../payload/index.js';
import { checkChain } from '../stack/index.js';
import type { CheckOptions, CheckReport } from './check.js';
import { isRejection, isUnknown } from './rejection.js';
import type { CheckTarget } from './target.js';

/** Payloads of which a chain by ids is asked about. */
export interface LinkedFiles {
  /** Whose ids are known. */
  readonly members: readonly ChainMember[];
  /** That have to be read as payloads first. */
  readonly inputs: readonly InputFile[];
  /** Made while the files were read from disk. */
  readonly findings: readonly Finding[];
  /** All that were read, as they were named, in that order. */
  readonly files: readonly string[];
}

/**
 * Puts payloads into their chain by their ids, and asks nothing else: what check does where only the build-id of
 * the hypervisor is known, of files whose headers and notes alone were read.
 */
export function checkLinks(
  { members, inputs, findings: more, files }: LinkedFiles,
  target: CheckTarget,
  { failOn = 'error' }: Pick<CheckOptions, 'failOn'> = {},
): CheckReport {
  const read = readInputs(inputs);
  const all = [...members, ...read.payloads.map(({ planned }) => planned)];
  const unread = [...more, ...read.findings];
  // Where no file is a payload, that is the finding. An empty chain would only repeat it.
  const linked = all.length > 0 || unread.length === 0 ? checkChain(all, target.buildId) : null;
  const findings = [
    ...unread,
    ...(linked?.findings ?? []),
    ...(linked === null ? [] : namesakesIn(linked.chain)),
  ];
  return {
    ok: !findings.some((found) => isRejection(found, failOn)),
    ...{ failOn, mode: 'chain', buildId: target.buildId, release: null },
    chain: linked?.chain ?? [],
    members: all,
    ...{ verdicts: null, notVerified: target.notVerified, guard: null },
    findings,
    files: [...new Set([...files, ...more.flatMap(({ file }) => file ?? [])])],
    unreadable: more.filter(isUnknown),
  };
}

/** Files of one chain that Xen would know by one name. */
function namesakesIn(chain: readonly ChainMember[]): readonly Finding[] {
  const first = new Map<string, string>();
  const findings: Finding[] = [];
  for (const { name, file } of chain) {
    const other = first.get(name);
    if (other === undefined) first.set(name, file);
    else {
      findings.push(
        finding('name-taken', {
          file,
          otherFiles: [other],
          message: `${file} and ${other} would be uploaded under the same name, and Xen knows payloads by their names`,
          hint: 'Rename one of the files: a payload is called as its file is.',
        }),
      );
    }
  }
  return findings;
}
