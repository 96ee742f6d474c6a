export { checkHazards } from './check-hazards.js';
export { hazardsOf } from './of-payload.js';
export type { HazardContext } from './subject.js';
export { checkUnload } from './unload.js';
