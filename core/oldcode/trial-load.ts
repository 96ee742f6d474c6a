import { type Finding, finding } from '../findings/index.js';
import { idOrNull, type Payload } from '../payload/index.js';
import {
  findingsOfFaults,
  findPayload,
  isNameAccepted,
  type Model,
  payloadsById,
  upload,
} from '../verify/index.js';
import type { Disassembler } from '../x86/index.js';
import type { CodeNode } from './analyse.js';
import { type CodeGraph, codeGraph } from './graph.js';
import type { BaseCode } from './image-code.js';
import {
  type AppliedPatch,
  codeStartingAt,
  type PayloadCode,
  patchesOf,
  runningCode,
  throughTrampolines,
} from './running.js';

/** A payload on a copy of a hypervisor, loaded there but not applied, next to what is applied. */
export interface Trial {
  readonly graph: CodeGraph;
  readonly own: PayloadCode;
  /** Its functions, in the order of the file, with the addresses that Xen's loader resolved. */
  readonly functions: readonly TriedFunction[];
}

/** One function that the payload would replace. */
export interface TriedFunction {
  readonly patch: AppliedPatch;
  /** The code that runs now when the function is called; null where no code is known to begin there. */
  readonly oldCode: CodeNode | null;
  /** Null for NOPs. */
  readonly newCode: CodeNode | null;
}

/** The trial, or why the payload cannot be loaded (`trial-upload-failed`). */
export type TrialResult =
  | { readonly status: 'loaded'; readonly trial: Trial }
  | { readonly status: 'not-loadable'; readonly finding: Finding };

const NAME = 'xsplice-ts trial';

/**
 * Loads a payload into a copy of the model, as Xen would. One that the model has loaded already (by
 * build-id) is taken as it is there. The model itself is not changed. `wanted` is the name that it would get: under
 * that one it is tried where Xen takes it, so that what was asked of Xen's rules is not asked again.
 */
export function tryPayload(
  disassembler: Disassembler,
  base: BaseCode,
  model: Model,
  payload: Payload,
  wanted: string = NAME,
): TrialResult {
  const id = idOrNull(payload.buildId);
  const present = id === null ? undefined : payloadsById(model).first.get(id);
  if (present !== undefined) {
    const code = runningCode(base, model);
    const loaded = code.codeOf.get(present);
    if (loaded !== undefined) {
      return { status: 'loaded', trial: makeTrial(codeGraph(disassembler, code), loaded) };
    }
  }
  const isFree = isNameAccepted(wanted) && findPayload(model, wanted) === null;
  const name = isFree ? wanted : freeName(model);
  const { verdict, model: after } = upload(model, name, payload.elf.bytes);
  if (verdict.outcome.outcome !== 'accepted') {
    const subject = { file: payload.file, name };
    const [fault] = findingsOfFaults(subject, 'upload', verdict.faults);
    const { code: _, severity: __, hint: ___, ...about } = fault ?? vanished(payload);
    return { status: 'not-loadable', finding: finding('trial-upload-failed', about) };
  }
  const code = runningCode(base, after);
  const own = code.payloads.at(-1);
  if (own?.payload.name !== name) return { status: 'not-loadable', finding: vanished(payload) };
  return { status: 'loaded', trial: makeTrial(codeGraph(disassembler, code), own) };
}

function vanished({ file }: Payload): Finding {
  const message = 'The payload was accepted, but is not among the loaded ones';
  return finding('trial-upload-failed', { file, message });
}

function freeName({ payloads }: Model): string {
  const taken = new Set(payloads.map(({ name }) => name));
  let name = NAME;
  while (taken.has(name) && isNameAccepted(`${name}.`)) name += '.';
  return name;
}

function makeTrial(graph: CodeGraph, own: PayloadCode): Trial {
  const { code } = graph;
  const functions = patchesOf(code.model, own.payload).map((patch): TriedFunction => {
    const start = codeStartingAt(code, patch.oldAddress);
    return {
      patch,
      oldCode: start === null ? null : graph.node(throughTrampolines(code, start.address)),
      newCode: patch.newAddress === 0n ? null : graph.node(patch.newAddress),
    };
  });
  return { graph, own, functions };
}

/** What the new code of a function calls outside of its payload, through the payload's own functions. */
export function outsideCallees(trial: Trial, start: CodeNode): readonly CodeNode[] {
  const own = trial.own.payload.name;
  const inside = new Map<bigint, CodeNode>([[start.address, start]]);
  const outside = new Map<bigint, CodeNode>();
  // A map yields what is added while it is walked, each function once.
  for (const { callees } of inside.values()) {
    for (const address of callees) {
      const callee = trial.graph.node(address);
      if (callee === null) continue;
      (callee.owner === own ? inside : outside).set(address, callee);
    }
  }
  return [...outside.values()];
}
