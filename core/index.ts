/**
 * xsplice-ts as a library: live-patch payloads for Xen, read, checked, planned and applied.
 *
 * What a program usually does: read files with `readInputs`; compare them with a hypervisor image by
 * `readImage`, `modelFromImage` and `checkPayloads`; open a hypervisor with `openHost`, make a plan of
 * its snapshot with one of the `plan…` functions, try it with `preflightPlan`, and carry it out with
 * `executePlan`. Operations that cannot be done throw an XspliceError; what was found out about an input
 * is a Finding. Names, metadata, symbols and log lines come from files and hypervisors: escape them
 * before they reach a terminal.
 *
 * @packageDocumentation
 */
export { errnoName, formatRc, XEN_ERRNO } from './abi/errno.js';
export { type BuildId, buildIdFromBytes, parseBuildId, shortId } from './abi/ids.js';
export {
  HOOK_KINDS,
  type HookKind,
  LIVEPATCH_MAX_SIZE,
  type PayloadState,
} from './abi/livepatch.js';
export { formatRelease, parseRelease, type XenRelease } from './abi/release.js';
export { type Disassembler, loadDisassembler } from './code/index.js';
export * as elf from './elf/index.js';
export {
  assertNever,
  EXIT,
  type ExitCode,
  type Explanation,
  type Finding,
  InternalError,
  type Severity,
  XspliceError,
} from './errors.js';
export {
  type ExecutionOptions,
  type ExecutionReport,
  executePlan,
  type ProgressEvent,
  type StepReport,
} from './execute/execute.js';
export { checkTakeBack } from './execute/undo.js';
export { createDiskStore, DiskStore } from './hypervisor/embedded/disk-store.js';
export { MemoryStore, ModelPort, type ModelStore } from './hypervisor/embedded/model-port.js';
export {
  type Action,
  type ActionOptions,
  type HostDescription,
  type HypervisorPort,
  type OperationResult,
  succeeded,
} from './hypervisor/port.js';
export {
  formatXensyms,
  type HypervisorImage,
  type ImageBuildId,
  MAX_IMAGE_SIZE,
  type MemoryRange,
  readImage,
  readXensyms,
  type SymbolTable,
  type XenSymbol,
} from './image/index.js';
export {
  type BaseCode,
  type CodeDifference,
  type CodeRecord,
  type CodeVersion,
  type ComparedBytes,
  type Comparison,
  type EffectiveCode,
  effectiveCode,
  type FunctionComparison,
  type GuardSetting,
  guardSetting,
  type ListedInstruction,
  type RecordOptions,
  type RecordResult,
  type RecordStatus,
  type RunningCode,
  readBaseCode,
  readRecord,
  recordPayload,
  runningCode,
} from './oldcode/index.js';
export {
  type Payload,
  type PayloadFunction,
  type PayloadHook,
  type PayloadId,
  type Pointer,
  readPayload,
} from './payload/index.js';
export * from './stack/index.js';
export * from './use/index.js';
export {
  createModel,
  type HypervisorFacts,
} from './verify/create.js';
export {
  type Answer,
  findPayload,
  KNOWN_MINORS,
  type Model,
  type Outcome,
  type Rules,
  rulesFor,
  type Verdict,
} from './verify/index.js';
