export { payloadVerdicts } from './verdict.js';
