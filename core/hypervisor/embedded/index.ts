export { createDiskStore, DiskStore } from './disk-store.js';
export { FatalVerdict, MemoryStore, ModelPort, type ModelStore } from './model-port.js';
