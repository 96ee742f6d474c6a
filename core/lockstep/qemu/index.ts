export { moduleFolders } from './folders.js';
export { type ModuleInfo, type QemuHost, readQemuHost } from './host.js';
export { judgeQemuModule, moduleName, type QemuProcess } from './load.js';
export { type QemuModule, qemuModuleOf } from './module.js';
