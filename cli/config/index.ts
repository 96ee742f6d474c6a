export { checkConfig } from './check-config.js';
export { findConfig, readConfig } from './config.js';
export { checkedJson, invalidJson } from './json-file.js';
