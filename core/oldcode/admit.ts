import type { BuildId } from '../abi/ids.js';
import { counted, type Finding, XspliceError } from '../findings/index.js';
import { isOrderKnown, type Snapshot, stackOf } from '../hypervisor/index.js';
import type { PayloadInput } from '../payload/index.js';
import type { ApplyTerms } from '../stack/index.js';
import { findPayload, type Model, type UsedAnswer, unload } from '../verify/index.js';
import type { FunctionComparison } from './compare.js';
import { type CodeDifference, explainDifference } from './explain.js';
import type { CodeContext, GuardVerdict } from './guard.js';
import { type JudgedPayload, orderByGuard } from './order.js';

/** The guards that compare code. */
export type CodeGuard = 'old-code' | 'both';

/** What the guard said about one payload. */
export interface GuardFileReport {
  readonly file: string;
  /** The name it has on the hypervisor, or would get. Escape before printing. */
  readonly name: string;
  readonly passes: boolean;
  /** The guards that let it pass; empty where it does not. */
  readonly by: GuardVerdict['by'];
  /** True where this one's APPLY needs NODEPS. */
  readonly needsNodeps: boolean;
  readonly functions: readonly FunctionComparison[];
  /** Of each function that differs, instruction by instruction. */
  readonly differences: readonly CodeDifference[];
  readonly findings: readonly Finding[];
}

/** What a guard that compares code said: first those that pass, in the order of application. */
export interface GuardReport {
  readonly guard: CodeGuard;
  readonly payloads: readonly GuardFileReport[];
}

/** Payloads that their guard lets pass, each at its turn. */
export interface ApplicationOrder {
  readonly order: readonly PayloadInput[];
  /** By file, for PlanOptions. */
  readonly terms: ReadonlyMap<string, ApplyTerms>;
  readonly report: GuardReport;
}

/** A plan that its guard does not let be made. The findings say why, the report shows what differs. */
export class GuardRefusal extends XspliceError {
  readonly report: GuardReport;

  constructor(report: GuardReport) {
    const refused = report.payloads.filter(({ passes }) => !passes);
    const findings = refused.flatMap((payload) => payload.findings);
    const first = findings.find(({ severity }) => severity === 'error');
    const file = first?.file ?? refused[0]?.file ?? '';
    const message = first?.message ?? 'The guard does not let it pass';
    super(
      first?.code ?? 'guard-refused',
      message.includes(file) ? message : `${file}: ${message}`,
      {
        findings,
        ...(first?.hint === undefined ? {} : { hint: `${first.hint} Nothing was changed.` }),
      },
    );
    this.report = report;
  }
}

/**
 * Asks the guard about payloads that are to be applied; those that are applied already are passed over.
 * Fails with a GuardRefusal where one of them does not pass.
 */
export function admit(
  guard: CodeGuard,
  context: CodeContext,
  snapshot: Snapshot,
  payloads: readonly PayloadInput[],
): ApplicationOrder {
  const applied = new Set<BuildId>(stackOf(snapshot).flatMap(({ buildId }) => buildId ?? []));
  const open = payloads.filter(({ planned: { buildId } }) => !buildId || !applied.has(buildId));
  const model = withoutLoaded(context.model, snapshot, open);
  const { order, refused, report } = askGuard(guard, { ...context, model }, open);
  if (refused.length > 0) throw new GuardRefusal(report);
  // Which payload Xen has on top is not known then: only NODEPS is sure to be taken.
  const isTopKnown = isOrderKnown(snapshot);
  const terms = order.map(({ input, verdict }, index): readonly [string, ApplyTerms] => {
    const needsNodeps = verdict.needsNodeps || (guard === 'old-code' && index === 0 && !isTopKnown);
    return [input.planned.file, { needsNodeps, reason: reasonOf(verdict) }];
  });
  const done = payloads.filter((payload) => !open.includes(payload));
  return {
    order: [...done, ...order.map(({ input }) => input)],
    terms: new Map(terms),
    report,
  };
}

/** One payload and what its guard said when it was its turn. */
export interface GuardAnswer {
  readonly input: PayloadInput;
  readonly verdict: GuardVerdict;
}

/** The order that the guard allows, those it refuses, and both as a report. `onPlaced`: see orderByGuard. */
export function askGuard(
  guard: CodeGuard,
  context: CodeContext,
  payloads: readonly PayloadInput[],
  onPlaced: (input: PayloadInput, answer: UsedAnswer) => void = () => undefined,
): {
  readonly order: readonly GuardAnswer[];
  readonly refused: readonly GuardAnswer[];
  readonly report: GuardReport;
} {
  const byPayload = new Map(payloads.map((input) => [input.payload, input]));
  const { order, refused, model } = orderByGuard(
    guard,
    context,
    payloads.map(({ payload, planned: { name } }) => ({ payload, name })),
    ({ payload }, answer) => {
      const input = byPayload.get(payload);
      if (input !== undefined) onPlaced(input, answer);
    },
  );
  const answersTo = (list: readonly JudgedPayload[]) =>
    list.flatMap(({ payload, verdict }): readonly GuardAnswer[] => {
      const input = byPayload.get(payload);
      return input === undefined ? [] : [{ input, verdict }];
    });
  const [passing, failing] = [answersTo(order), answersTo(refused)];
  const files = [...passing, ...failing].map((one) => fileReport({ ...context, model }, one));
  return { order: passing, refused: failing, report: { guard, payloads: files } };
}

/** A verdict with its differences; the context is the one it was given in. */
export function fileReport(
  context: CodeContext,
  { input: { planned }, verdict }: GuardAnswer,
): GuardFileReport {
  const { file, name } = planned;
  const differences = verdict.functions.flatMap(
    ({ comparison }) => explainDifference(context, comparison) ?? [],
  );
  return { file, name, ...verdict, differences };
}

/** What is loaded and not applied is uploaded anew on the copy, where the plan may use it as it is. */
function withoutLoaded(model: Model, { payloads }: Snapshot, open: readonly PayloadInput[]): Model {
  const ids = new Set(open.map(({ planned }) => planned.buildId));
  return payloads
    .filter(({ state, buildId }) => state === 'CHECKED' && buildId !== null && ids.has(buildId))
    .filter(({ name }) => findPayload(model, name) !== null)
    .reduce((copy, { name }) => unload(copy, name).model, model);
}

/** Why a payload passes, as a plan says it. */
export function reasonOf({ functions }: Pick<GuardVerdict, 'functions'>): string {
  let [recorded, derived, unknownEdges] = [0, 0, 0];
  for (const { comparison } of functions) {
    if (comparison.result !== 'equal') continue;
    unknownEdges += comparison.unknownEdges;
    if (comparison.basis === 'record') recorded += comparison.functions;
    else derived += comparison.functions;
  }
  const open = unknownEdges === 0 ? '' : `, ${counted(unknownEdges, 'call')} cannot be followed`;
  if (recorded > 0) return `its old code is as recorded (${counted(recorded, 'function')}${open})`;
  if (derived > 0) {
    return `has no record; by build-ids nothing it reaches was replaced (${counted(derived, 'function')}${open})`;
  }
  return 'replaces no function';
}
