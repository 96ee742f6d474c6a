export { checkConfig } from './check-config.js';
export { readCheckedJson } from './checked-json.js';
export { findConfig, readConfig } from './config.js';
