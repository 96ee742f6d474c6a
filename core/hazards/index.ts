export { checkHazards } from './check-hazards.js';
export { claimsOf } from './claims.js';
export { hazardsOf } from './of-payload.js';
export { strayWritesOf } from './stray-writes.js';
export type { HazardContext } from './subject.js';
export { checkUnload } from './unload.js';
export { unusedParts } from './unused.js';
