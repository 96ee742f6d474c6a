export { isInstalled, run, Unavailable as RigUnavailable } from '../core/boot/index.js';
