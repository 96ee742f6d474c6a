export { modelWithApplied } from './applied-model.js';
export { type BootedImage, modelFromImage } from './image-model.js';
export {
  type HostKnowledge,
  type HostSpec,
  hostText,
  isControlDomain,
  type OpenHost,
  openHost,
  type PreflightModel,
  parseHostSpec,
} from './open-host.js';
