export { checkConfig } from './check-config.js';
export { findConfig, readConfig } from './config.js';
