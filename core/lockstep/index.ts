export { HOST_KINDS, type HostFacts, type HostKind, readHost } from './host.js';
export {
  judgeModules,
  type ModuleVerdict,
  type OpenHost,
  openLockstepHost,
  ownFolders,
} from './judge.js';
export {
  type HostReport,
  hostText,
  isExpected,
  isForOthers,
  type LockstepReport,
  lockstepReport,
} from './report.js';
export { judgeTree, modulesIn, ownModules, reportOf, type TreeReport } from './root.js';
export { type System, systemOf } from './system.js';
export { ACCEPTED, type LockstepVerdict, type Outcome, undecided } from './verdict.js';
export { payloadVerdicts } from './xen/index.js';
