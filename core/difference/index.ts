export { type Difference, differencesOf } from './payloads.js';
export { type StackPlace, stackDifferences } from './stacks.js';
