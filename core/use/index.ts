export { adviceFor } from './advice.js';
export {
  type Answered,
  type CheckReport,
  type CheckTarget,
  checkPayloads,
  type FileVerdict,
} from './check.js';
export { divergencesOf } from './divergence.js';
export { explained, explainedError } from './explained.js';
export { hazardsOf, hazardsOfPlan } from './hazards.js';
export { type BootedImage, modelFromImage } from './image-model.js';
export { contentsOf, type InputFile, inputFile } from './input-file.js';
export { modelWithApplied } from './made-on.js';
export {
  type Admitted,
  admit,
  type CodeGuard,
  type GuardedFile,
  GuardRefusal,
  type GuardReport,
  requireKnownCode,
  settingOf,
} from './old-code.js';
export { admitReplacement } from './old-code-replace.js';
export { planRevertIndependent } from './old-code-revert.js';
export {
  type HostSpec,
  hostText,
  isControlDomain,
  type OpenHost,
  openHost,
  type PreflightModel,
  parseHostSpec,
} from './open-host.js';
export {
  type Prediction,
  type Preflight,
  preflightPlan,
  refusalOf,
  refusalUnverified,
} from './preflight.js';
export {
  findingsOf,
  type PayloadInput,
  type ReadInputs,
  readInputs,
  readPayloadInputs,
} from './read-inputs.js';
export { stalePayloads } from './stale-payloads.js';
