export { judgePayloadFolders } from './tree.js';
export { payloadVerdicts } from './verdict.js';
