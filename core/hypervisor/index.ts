export type { HostMachine } from './machine.js';
export {
  type Action,
  type ActionOptions,
  type HostDescription,
  type HypervisorPort,
  type LastWill,
  type OperationResult,
  succeeded,
} from './port.js';
export {
  fingerprintOf,
  isOrderKnown,
  type LoadedPayload,
  type Snapshot,
  stackOf,
  topOf,
} from './snapshot.js';
