import type { CheckReport, CheckTarget } from '../check/index.js';
import { type Finding, XspliceError } from '../findings/index.js';
import type { HypervisorImage } from '../image/index.js';
import {
  type ChangedFunction,
  type CodeContext,
  changedFunctions,
  codeContext,
} from '../oldcode/index.js';
import { type InputFile, type Payload, type PayloadInput, readInputs } from '../payload/index.js';
import { stackTree, type TreeNode } from '../stack/index.js';
import { apply, type Model, upload, type XenAnswer } from '../verify/index.js';

/** What was checked against one hypervisor, as check took it. */
export interface PortraitSubject {
  readonly inputs: readonly InputFile[];
  readonly against: CheckTarget;
  /** Null where only the build-id is known. */
  readonly image: HypervisorImage | null;
  readonly report: CheckReport;
}

/** One payload with all that is to be shown of it. */
export interface PayloadPortrait {
  readonly file: string;
  /** Under which it is uploaded. Escape before printing. */
  readonly name: string;
  readonly payload: Payload;
  readonly sha256: string;
  /** Null without an image. */
  readonly verdict: XenAnswer | null;
  /** Null where it was not applied on its parents: what code it changes is not known then. */
  readonly functions: readonly ChangedFunction[] | null;
  /** Those that name its file. */
  readonly findings: readonly Finding[];
}

/** A part of the hypervisor's code in memory. */
export interface TextRange {
  readonly address: bigint;
  readonly sizeBytes: bigint;
}

/** A hypervisor with its payloads, as a value to draw. */
export interface Portrait {
  readonly payloads: readonly PayloadPortrait[];
  readonly tree: readonly TreeNode[];
  /** By ascending address; code that is gone after boot is left out. Empty without an image. */
  readonly text: readonly TextRange[];
}

/** All that is to be shown of payloads on a hypervisor. Each is loaded once, on its parents. */
export function portraitOf({ inputs, against, image, report }: PortraitSubject): Portrait {
  const { payloads } = readInputs(inputs);
  const context = contextOf(image, against.model);
  const changes = context === null ? new Map() : changesOf(payloads, context);
  const verdicts = new Map((report.verdicts ?? []).map((verdict) => [verdict.file, verdict]));
  const order = new Map(report.chain.map(({ file }, index) => [file, index]));
  const place = ({ planned }: PayloadInput) => order.get(planned.file) ?? order.size;
  return {
    payloads: [...payloads]
      .sort((a, b) => place(a) - place(b))
      .map(({ payload, planned }): PayloadPortrait => {
        const { file, name, sha256 } = planned;
        const verdict = verdicts.get(file);
        return {
          ...{ file, name, payload, sha256 },
          verdict: verdict?.inChain ?? verdict ?? null,
          functions: changes.get(file) ?? null,
          findings: report.findings.filter(
            (found) => found.file === file || found.otherFiles?.includes(file) === true,
          ),
        };
      }),
    tree: stackTree(
      payloads.map(({ planned }) => planned),
      report.buildId,
    ),
    text: textOf(image),
  };
}

/** Null where there is no code to compare: no image, none with symbols, or not of this processor. */
function contextOf(image: HypervisorImage | null, model: Model | null): CodeContext | null {
  if (image === null || model === null) return null;
  try {
    return codeContext(image, model);
  } catch (error) {
    if (error instanceof XspliceError) return null;
    throw error;
  }
}

/** By file; what does not go onto its parents is left out. */
function changesOf(
  payloads: readonly PayloadInput[],
  context: CodeContext,
): ReadonlyMap<string, readonly ChangedFunction[]> {
  const { model: booted } = context;
  const after = new Map<string, Model>();
  if (booted.buildId !== null) after.set(booted.buildId, booted);
  const changes = new Map<string, readonly ChangedFunction[]>();
  const waiting = new Set(payloads);
  // Each round does at least one, or what is left has no parent to wait for.
  for (let isGrowing = true; isGrowing; ) {
    isGrowing = false;
    for (const one of waiting) {
      const { file, name, depends, buildId } = one.planned;
      const below = depends === null ? undefined : after.get(depends);
      if (below === undefined) continue;
      waiting.delete(one);
      isGrowing = true;
      const above = applied(below, name, one.input.bytes);
      if (above === null) continue;
      if (buildId !== null && !after.has(buildId)) after.set(buildId, above);
      changes.set(file, changedFunctions(context, below, above, name));
    }
  }
  return changes;
}

/** Null where Xen would not do it. */
function applied(below: Model, name: string, bytes: Uint8Array): Model | null {
  const uploaded = upload(below, name, bytes);
  if (uploaded.verdict.outcome.outcome !== 'accepted') return null;
  const done = apply(uploaded.model, name, { nodeps: false });
  return done.verdict.outcome.outcome === 'accepted' ? done.model : null;
}

function textOf(image: HypervisorImage | null): readonly TextRange[] {
  return (image?.memory ?? [])
    .filter(({ executable, init }) => executable && !init)
    .map(({ address, sizeBytes }) => ({ address, sizeBytes }));
}
