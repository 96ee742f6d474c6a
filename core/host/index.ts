export { modelWithApplied } from './applied-model.js';
export { type CreatedHost, type CreateOptions, createEmbedded } from './embedded-host.js';
export type { HostKnowledge, MachineClock, OpenHost, PreflightModel } from './host.js';
export { type BootedImage, modelFromImage } from './image-model.js';
export { isControlDomain, openHost } from './open-host.js';
export { modelFromRelease } from './release-model.js';
export {
  embeddedDirectory,
  type HostSpec,
  hostText,
  parseHostSpec,
  withQuestions,
} from './spec.js';
export { vendorRules } from './vendor.js';
