export { checkHazards } from './check-hazards.js';
export { hazardsOf } from './of-payload.js';
export { unusedParts } from './unused.js';
