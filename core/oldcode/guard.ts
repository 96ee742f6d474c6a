import { errnoName } from '../abi/errno.js';
import type { BuildId } from '../abi/ids.js';
import { type Finding, finding } from '../findings/index.js';
import type { HypervisorImage } from '../image/index.js';
import { idOrNull, type Payload } from '../payload/index.js';
import type { Guard } from '../stack/index.js';
import {
  appliedOf,
  checkExpectations,
  functionsInMemory,
  idAt,
  MemoryFault,
  type Model,
  topPayload,
} from '../verify/index.js';
import { type Disassembler, loadDisassembler } from '../x86/index.js';
import type { CodeRecord } from './code-record.js';
import { type ComparedBytes, compareRecord, type FunctionComparison } from './compare.js';
import { closureOf } from './graph.js';
import {
  differenceFinding,
  noRecordFinding,
  overlapFinding,
  unknownFinding,
} from './guard-findings.js';
import { type BaseCode, readBaseCode } from './image-code.js';
import { footprintOf, type Overlap, overlapsOf } from './overlap.js';
import { readRecord } from './record.js';
import type { PayloadCode } from './running.js';
import { type Trial, tryPayload } from './trial-load.js';

/** What a guard says about applying one payload now. */
export interface GuardVerdict {
  readonly passes: boolean;
  /** The guards that let it pass; empty where it does not. */
  readonly by: readonly Exclude<Guard, 'both'>[];
  /** True where Xen itself would refuse by build-id: this APPLY, and only this, needs NODEPS. */
  readonly needsNodeps: boolean;
  /** By function, in the order of the file. Empty where old code was not looked at. */
  readonly functions: readonly FunctionComparison[];
  /** Errors say why it does not pass. */
  readonly findings: readonly Finding[];
}

/** What guards are asked about. */
export interface CodeContext {
  readonly disassembler: Disassembler;
  readonly base: BaseCode;
  /** The hypervisor as it is before the payload is applied. */
  readonly model: Model;
}

/**
 * Asks about the code of this image with what the model has loaded. The disassembler is loaded here. Fails with
 * `image-no-symbols`.
 */
export function codeContext(image: HypervisorImage, model: Model): CodeContext {
  return { disassembler: loadDisassembler(), base: readBaseCode(image), model };
}

/**
 * Whether a payload may be applied on a hypervisor in this state.
 *
 * `build-id`: its parent is on top. `old-code`: the code it replaces, and all that this and its new code
 * reach, is what it was made against, and no payload that it was not made on shares anything with it
 * (see {@link checkOldCode}). `both`: both. `nodeps`: always. `name` is the one it would be uploaded under.
 */
export function guardPayload(
  guard: Guard,
  context: CodeContext,
  payload: Payload,
  name?: string,
): GuardVerdict {
  const wrongParent = checkParent(context.model, payload);
  const needsNodeps = wrongParent !== null;
  if (guard === 'nodeps') {
    return { passes: true, by: ['nodeps'], needsNodeps, functions: [], findings: [] };
  }
  const parentFindings = wrongParent === null ? [] : [wrongParent];
  if (guard === 'build-id') {
    const passes = wrongParent === null;
    const by = passes ? (['build-id'] as const) : [];
    return { passes, by, needsNodeps, functions: [], findings: parentFindings };
  }
  const { functions, findings: found } = checkOldCode(context, payload, name);
  const findings =
    needsNodeps && guard === 'old-code' ? [...found, ...noNodeps(context, payload)] : found;
  const isOldCodeFine = findings.every(({ severity }) => severity !== 'error');
  if (guard === 'old-code') {
    const by = isOldCodeFine ? (['old-code'] as const) : [];
    return { passes: isOldCodeFine, by, needsNodeps, functions, findings };
  }
  const passes = isOldCodeFine && wrongParent === null;
  const by = passes ? (['build-id', 'old-code'] as const) : [];
  return { passes, by, needsNodeps, functions, findings: [...parentFindings, ...findings] };
}

/** NODEPS came with payload version 2, in 4.14: before, Xen compares build-ids whatever is asked. */
function noNodeps({ model }: CodeContext, payload: Payload): readonly Finding[] {
  if (model.rules.has('payloadV2')) return [];
  const { major, minor } = model.rules.release;
  return [
    finding('xen-no-nodeps', {
      file: payload.file,
      message: `Xen ${major}.${minor} applies payloads by build-id only: expected 4.14 or later for any other order`,
    }),
  ];
}

/** build_id_dep: the id that the next payload has to name as its parent; null where no payload can. */
export function parentToName(model: Model): BuildId | null {
  const top = topPayload(model);
  return top === null ? model.buildId : idAt(model.memory, top.buildId);
}

/** build_id_dep: the parent is the last applied payload, or the hypervisor where none is. Null where it is. */
function checkParent(model: Model, payload: Payload): Finding | null {
  const top = topPayload(model);
  const expected = parentToName(model);
  const found = idOrNull(payload.depends);
  if (found !== null && found === expected) return null;
  const where =
    top === null ? 'the hypervisor' : `payload ${JSON.stringify(top.name)}, which is on top,`;
  return finding('wrong-parent', {
    file: payload.file,
    message: `The payload depends on ${found ?? 'nothing that can be read'}, but ${where} has build-id ${expected ?? 'none'}`,
    hint: 'Apply its parent first, or have its old code compared: --check old-code',
    expected: expected ?? 'none',
    actual: found ?? 'none',
  });
}

/** What the comparison of old code came to. */
export interface OldCodeReport {
  readonly functions: readonly FunctionComparison[];
  readonly findings: readonly Finding[];
}

/**
 * Compares what a payload was made against with what is there now.
 *
 * With a record: all that it names has to be equal. Without one, the payload was made on what it
 * depends on: where that is the hypervisor, or an applied payload, all code that nobody else has
 * replaced is equal to it by construction; where it is something else, it is unknown what it was
 * made against, and it does not pass. In both cases its own expectations have to hold, and payloads
 * that it was not made on may not share a function, a closure or a variable with it; what the record
 * has found equal is not shared.
 *
 * Findings: those of readRecord, `trial-upload-failed`, `expectation-fails`, `old-code-differs`,
 * `old-code-unknown`, `old-code-overlaps`, and the note `record-absent`.
 */
export function checkOldCode(context: CodeContext, payload: Payload, name?: string): OldCodeReport {
  const { disassembler, base, model } = context;
  const status = readRecord(payload);
  const result = tryPayload(disassembler, base, model, payload, name);
  if (result.status === 'not-loadable') return { functions: [], findings: [result.finding] };
  const { trial } = result;
  const findings: Finding[] = [...expectationFindings(trial, payload)];
  if (status.status === 'invalid') {
    const reason = 'its record cannot be relied on';
    findings.push(status.finding);
    return { functions: allUnknown(trial, reason), findings };
  }
  const record = status.status === 'present' ? status.record : null;
  const madeOn = record === null ? parentsOf(trial, payload) : new Set(record.on);
  const overlaps = foreignOverlaps(trial, madeOn);
  for (const { payload: other, overlap } of overlaps) {
    if (isSettledBy(record, overlap)) continue;
    findings.push(overlapFinding(payload, other, overlap));
  }
  if (record !== null) {
    const functions = compareRecord(trial, record);
    findings.push(...functions.flatMap((f) => differenceFinding(payload, f) ?? []));
    return { functions, findings };
  }
  if (madeOn === null) {
    const depends = idOrNull(payload.depends);
    const reason = `it has no record, and what it depends on (${depends ?? 'nothing'}) is not applied`;
    const functions = allUnknown(trial, reason);
    findings.push(unknownFinding(payload, reason, functions));
    return { functions, findings };
  }
  const reason = 'it has no record, and another payload touches the same';
  const isFree = overlaps.length === 0;
  const functions = isFree ? derivedEqual(trial) : allUnknown(trial, reason);
  findings.push(noRecordFinding(payload, madeOn.size, isFree, functions));
  return { functions, findings };
}

/** Overlaps with applied payloads that this one was not made on. `null` as `madeOn`: with all. */
function foreignOverlaps(
  trial: Trial,
  madeOn: ReadonlySet<string> | null,
): readonly { readonly payload: string; readonly overlap: Overlap }[] {
  const { graph, own } = trial;
  const { model, codeOf } = graph.code;
  const others = appliedOf(model).flatMap((payload) => {
    const other = codeOf.get(payload);
    const isKnown = other === undefined || other === own || madeOn?.has(other.buildId ?? '');
    return isKnown ? [] : [other];
  });
  if (others.length === 0) return [];
  const mine = footprintOf(graph, own);
  return others.flatMap((other) =>
    overlapsOf(mine, footprintOf(graph, other)).map((overlap) => ({
      payload: other.payload.name,
      overlap,
    })),
  );
}

/** The record holds digests of all that the payload reaches: whether these differ is said by them. */
function isSettledBy(record: CodeRecord | null, { kind }: Overlap): boolean {
  return record !== null && (kind === 'function' || kind === 'first-reaches-second');
}

/**
 * The applied payloads that a payload without a record was made on: the one it depends on, and those
 * below it. Null where it depends on something else than the hypervisor or one of these.
 */
function parentsOf({ graph, own }: Trial, payload: Payload): ReadonlySet<string> | null {
  const { model, payloads } = graph.code;
  const byId = new Map<string, PayloadCode>();
  for (const candidate of payloads) {
    const { buildId, payload: loaded } = candidate;
    if (candidate === own || buildId === null || loaded.state !== 'APPLIED') continue;
    if (!byId.has(buildId)) byId.set(buildId, candidate);
  }
  const found = new Set<string>();
  let parent: string | null = idOrNull(payload.depends);
  // Each turn goes down to another payload: a circle of ids ends it.
  while (parent !== null && parent !== model.buildId && !found.has(parent)) {
    const below = byId.get(parent);
    if (below === undefined) return null;
    found.add(parent);
    parent = idAt(model.memory, below.payload.depends);
  }
  return parent === model.buildId && parent !== null ? found : null;
}

function expectationFindings(trial: Trial, payload: Payload): readonly Finding[] {
  const { errno, log } = expectationsOf(trial);
  if (errno === 0) return [];
  const { name } = trial.own.payload;
  // The line that names the payload names the copy here; the other ones say what differs.
  const lines = log
    .filter(({ level, text }) => level === 'error' && !text.startsWith(`${name}: `))
    .map(({ text }) => text);
  return [
    finding('expectation-fails', {
      file: payload.file,
      stage: 'expectations',
      errno,
      message: `The payload's own expectations do not hold, so Xen refuses to apply it: ${lines.join('; ') || errnoName(errno)}`,
      hint: 'The code that it replaces is not what it was made against.',
    }),
  ];
}

/** Xen dies of an access that faults here. That is for the trial of APPLY to say: nothing fails then. */
function expectationsOf({
  graph,
  own,
}: Trial): Pick<ReturnType<typeof checkExpectations>, 'errno' | 'log'> {
  const { memory, rules } = graph.code.model;
  try {
    return checkExpectations(memory, rules, own.payload);
  } catch (error) {
    if (error instanceof MemoryFault) return { errno: 0, log: [] };
    throw error;
  }
}

/** What is left to say: how far the payload's own expectations vouch for the bytes. */
function allUnknown(trial: Trial, reason: string): readonly FunctionComparison[] {
  const bytes = comparedBytes(trial);
  return trial.functions.map(({ patch }, index) => ({
    name: patch.name,
    comparison: { result: 'unknown', reason, compared: bytes[index] ?? NOT_COMPARED },
  }));
}

/** Nothing that it reaches is anybody's but its ancestors'. */
function derivedEqual(trial: Trial): readonly FunctionComparison[] {
  const bytes = comparedBytes(trial);
  return trial.functions.map(({ patch: { name }, oldCode }, index) => {
    const compared = bytes[index] ?? NOT_COMPARED;
    if (oldCode === null) {
      const reason = 'no code is known to begin at its address';
      return { name, comparison: { result: 'unknown', reason, compared } };
    }
    const { nodes, unknownEdges } = closureOf(trial.graph, oldCode);
    const functions = nodes.length;
    return {
      name,
      comparison: { result: 'equal', basis: 'derived', functions, unknownEdges, compared },
    };
  });
}

const NOT_COMPARED: ComparedBytes = { bytes: 0, of: 0 };

/** By function: how many bytes are as the payload's own expectation has them. */
function comparedBytes({ graph, own }: Trial): readonly ComparedBytes[] {
  const { memory, rules } = graph.code.model;
  return functionsInMemory(memory, rules, own.payload).map(({ expect, oldAddress, oldSize }) => {
    if (expect?.enabled !== true || expect.length > oldSize) return { bytes: 0, of: oldSize };
    const expected = memory.readOrNull(expect.dataAddress, expect.length);
    const actual = memory.readOrNull(oldAddress, expect.length);
    const holds = expected !== null && actual !== null && Buffer.compare(expected, actual) === 0;
    return { bytes: holds ? expect.length : 0, of: oldSize };
  });
}
