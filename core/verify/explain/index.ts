export { adviceFor } from './advice.js';
export { explain, explainedCodes } from './explain.js';
export { explained, explainedError } from './explain-findings.js';
export type { HazardCode } from './hazards.js';
export { hintFor, isStage } from './hints.js';
