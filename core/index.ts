/**
 * xsplice-ts as a library: live-patch payloads for Xen, read, checked, planned and applied.
 *
 * What a program usually does: compare files with a hypervisor image by `readImage`, `modelFromImage` and
 * `check`; open a hypervisor with `openHost`, read files with `readPayloadInputs`, and have `change` plan, try, ask and
 * carry out what is wanted. Operations that cannot be done throw an XspliceError; what was found out about an input
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
export { nameText, payloadName, payloadNameFor } from './abi/payload-name.js';
export { formatRelease, parseRelease, type XenRelease } from './abi/release.js';
export {
  type ChangeOptions,
  type ChangeProposal,
  type ChangeReport,
  type ChangeRequest,
  change,
  checkTakeBack,
  divergencesOf,
  type ExecutionOptions,
  type ExecutionReport,
  executePlan,
  type Prediction,
  type Preflight,
  type ProgressEvent,
  preflightPlan,
  refusalOf,
  refusalUnverified,
  type StepReport,
} from './change/index.js';
export {
  type CheckReport,
  type CheckRun,
  type CheckTarget,
  check,
  type FileVerdict,
  type TargetReport,
} from './check/index.js';
export * as elf from './elf/index.js';
export {
  assertNever,
  CATALOGUE,
  type CatalogueEntry,
  type Code,
  EXIT,
  type ExitCode,
  type Explanation,
  explain,
  explained,
  explainedError,
  type Finding,
  InternalError,
  type Severity,
  XspliceError,
} from './findings/index.js';
export { hazardsOf } from './hazards/index.js';
export {
  type BootedImage,
  type HostSpec,
  hostText,
  isControlDomain,
  modelFromImage,
  modelWithApplied,
  type OpenHost,
  openHost,
  type PreflightModel,
  parseHostSpec,
} from './host/index.js';
export {
  createDiskStore,
  DiskStore,
  MemoryStore,
  ModelPort,
  type ModelStore,
} from './hypervisor/embedded/index.js';
export {
  type Action,
  type ActionOptions,
  fingerprintOf,
  type HostDescription,
  type HypervisorPort,
  type LoadedPayload,
  type OperationResult,
  type Snapshot,
  stackOf,
  succeeded,
  topOf,
} from './hypervisor/index.js';
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
  type ApplicationOrder,
  type BaseCode,
  type CodeContext,
  type CodeDifference,
  type CodeGuard,
  type CodeRecord,
  type CodeVersion,
  type ComparedBytes,
  type Comparison,
  codeContext,
  type EffectiveCode,
  effectiveCode,
  type FunctionComparison,
  type GuardFileReport,
  GuardRefusal,
  type GuardReport,
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
  type ChainMember,
  contentsOf,
  findingsOf,
  type InputFile,
  inputFile,
  type Payload,
  type PayloadFunction,
  type PayloadHook,
  type PayloadId,
  type PayloadInput,
  type PlanPayload,
  type Pointer,
  planPayloadOf,
  type ReadInputs,
  readInputs,
  readPayload,
  readPayloadInputs,
} from './payload/index.js';
export {
  type ApplyTerms,
  applySteps,
  BASE,
  type ChainReport,
  changesSomething,
  checkChain,
  comparesBuildIds,
  type Guard,
  PLAN_FORMAT_VERSION,
  type Plan,
  type PlanCommand,
  type PlanOptions,
  planApply,
  planApplyUploaded,
  planLoad,
  planReplace,
  planRevert,
  planRevertOne,
  planUnload,
  planUpload,
  type RevertTarget,
  type StackEntry,
  type Step,
  type StepAction,
  selectLoaded,
} from './stack/index.js';
export {
  type Answer,
  adviceFor,
  createModel,
  findPayload,
  type HypervisorFacts,
  KNOWN_MINORS,
  type Model,
  type Outcome,
  type Rules,
  rulesFor,
  stalePayloads,
  type Verdict,
} from './verify/index.js';
export { type Disassembler, loadDisassembler } from './x86/index.js';
