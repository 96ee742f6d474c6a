import { errnoName } from '../abi/errno.js';
import type { BuildId } from '../abi/ids.js';
import { formatRelease } from '../abi/release.js';
import type { Finding } from '../errors.js';
import { type ChainMember, checkChain, nameText } from '../stack/index.js';
import { apply, type Model, type Outcome, upload, type Verdict } from '../verify/index.js';
import { adviceFor } from './advice.js';
import type { InputFile } from './input-file.js';
import { type PayloadInput, readInputs } from './read-inputs.js';

/** What payloads are checked against. */
export interface CheckTarget {
  readonly buildId: BuildId;
  /** The hypervisor just booted; null where what its loader answers cannot be computed. */
  readonly model: Model | null;
  /** Why there is no model, in words; null where there is one. */
  readonly notVerified: string | null;
}

/** What Xen answers to one payload, uploaded and applied after those it builds on and no others. */
export interface FileVerdict {
  readonly file: string;
  readonly name: string;
  readonly outcome: Outcome['outcome'];
  /** The operation that ended it; the last one that was tried where it is accepted. */
  readonly operation: 'upload' | 'apply';
  /** Positive errno; null unless it is refused. */
  readonly errno: number | null;
  /** The check that refuses; null where it is accepted. */
  readonly stage: string | null;
  /** What would kill Xen; null unless the outcome is fatal. */
  readonly cause: string | null;
  /** What Xen would print, without `livepatch: ` and unescaped. */
  readonly log: readonly string[];
  /** What the verdict rests on, e.g. that a hook returns 0. */
  readonly assumptions: readonly string[];
}

/** The answer to: do these payloads form one valid chain on that hypervisor? */
export interface CheckReport {
  /** False if any finding is an error. */
  readonly ok: boolean;
  readonly buildId: BuildId;
  /** The release whose rules gave the verdicts; null where there are none. */
  readonly release: string | null;
  readonly chain: readonly ChainMember[];
  /** Null where they could not be computed: see `notVerified`. */
  readonly verdicts: readonly FileVerdict[] | null;
  readonly notVerified: string | null;
  /** Of the readers, of the chain, and one for each payload that Xen would not accept. */
  readonly findings: readonly Finding[];
}

/**
 * Reads these files as payloads, puts them into their chain, and asks Xen's rules about each. `more` are
 * findings that were made while the files were read from disk.
 */
export function checkPayloads(
  inputs: readonly InputFile[],
  target: CheckTarget,
  more: readonly Finding[] = [],
): CheckReport {
  const read = readInputs(inputs);
  const unread = [...more, ...read.findings];
  const members = read.payloads.map(({ planned }) => planned);
  const hasMembers = members.length > 0;
  // Without a single payload there is something worse to say than that there is nothing to chain.
  const chain = hasMembers || unread.length === 0 ? checkChain(members, target.buildId) : null;
  const verdicts = target.model === null ? null : verdictsOf(read.payloads, target.model);
  const refusals = (verdicts ?? []).flatMap(findingOf);
  const findings = [...unread, ...(chain?.findings ?? []), ...refusals];
  return {
    ok: findings.every(({ severity }) => severity !== 'error'),
    buildId: target.buildId,
    release: target.model === null ? null : formatRelease(target.model.rules.release),
    chain: chain?.chain ?? [],
    verdicts,
    notVerified: target.notVerified,
    findings,
  };
}

/**
 * Each payload on a hypervisor with just its parents applied. One whose parent is not among the files,
 * or is not accepted, is only uploaded: that its parent is missing is the chain's finding.
 */
function verdictsOf(payloads: readonly PayloadInput[], base: Model): readonly FileVerdict[] {
  const after = new Map<string, Model>();
  if (base.buildId !== null) after.set(base.buildId, base);
  const verdicts = new Map<PayloadInput, FileVerdict>();
  const waiting = new Set(payloads);
  // Parents first. Each round does at least one, or what is left has no parent to wait for.
  let ready = true;
  while (ready) {
    ready = false;
    for (const payload of waiting) {
      const { depends, buildId } = payload.planned;
      const below = depends === null ? undefined : after.get(depends);
      if (below === undefined) continue;
      const { verdict, model } = tryOn(payload, below, true);
      verdicts.set(payload, verdict);
      waiting.delete(payload);
      if (verdict.outcome === 'accepted' && buildId !== null && !after.has(buildId)) {
        after.set(buildId, model);
      }
      ready = true;
    }
  }
  for (const payload of waiting) verdicts.set(payload, tryOn(payload, base, false).verdict);
  return payloads.flatMap((payload) => verdicts.get(payload) ?? []);
}

function tryOn(
  { input, planned }: PayloadInput,
  below: Model,
  hasParent: boolean,
): { readonly verdict: FileVerdict; readonly model: Model } {
  const { file, name } = planned;
  const uploaded = upload(below, name, input.bytes);
  if (uploaded.verdict.outcome.outcome !== 'accepted' || !hasParent) {
    return { verdict: fileVerdict(file, name, 'upload', uploaded.verdict), model: below };
  }
  const applied = apply(uploaded.model, name, { nodeps: false });
  const both: Verdict = {
    ...applied.verdict,
    log: [...uploaded.verdict.log, ...applied.verdict.log],
    assumptions: [...uploaded.verdict.assumptions, ...applied.verdict.assumptions],
  };
  return { verdict: fileVerdict(file, name, 'apply', both), model: applied.model };
}

function fileVerdict(
  file: string,
  name: string,
  operation: FileVerdict['operation'],
  { outcome, log, assumptions }: Verdict,
): FileVerdict {
  return {
    file,
    name,
    outcome: outcome.outcome,
    operation,
    errno: outcome.outcome === 'refused' ? outcome.errno : null,
    stage: outcome.outcome === 'accepted' ? null : outcome.stage,
    cause: outcome.outcome === 'fatal' ? outcome.cause : null,
    log: log.map(({ text }) => text),
    assumptions,
  };
}

function findingOf(verdict: FileVerdict): readonly Finding[] {
  const { file, outcome, operation, errno, stage, cause, log } = verdict;
  if (outcome === 'accepted') return [];
  const base = { severity: 'error', file, ...(stage === null ? {} : { stage }) } as const;
  if (outcome === 'fatal') {
    return [
      {
        ...base,
        code: 'would-be-fatal',
        message: `${file}: Xen would not survive the ${operation}: ${cause ?? 'it crashes'}`,
        hint: 'This payload must never reach a hypervisor. Build it again.',
      },
    ];
  }
  const reason = log.at(-1);
  const said = reason === undefined ? 'prints nothing' : `prints "${nameText(reason)}"`;
  return [
    {
      ...base,
      code: 'would-be-refused',
      message: `${file}: Xen would refuse the ${operation} with ${errnoName(errno ?? 0)} and ${said}`,
      hint: adviceFor(stage ?? undefined),
      ...(errno === null ? {} : { errno }),
    },
  ];
}
