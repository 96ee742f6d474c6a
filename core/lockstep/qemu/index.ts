export { moduleFolders } from './folders.js';
export { type ModuleInfo, type QemuHost, readQemuHost } from './host.js';
export { loadModule, type ModuleOpener, type OpenedModule } from './load.js';
export { type QemuModule, qemuModuleOf } from './module.js';
export { judgeQemuModule, moduleOpener, type QemuProcess } from './open.js';
