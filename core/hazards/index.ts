export { checkHazards } from './check-hazards.js';
export { hazardsOf } from './of-payload.js';
