export { createDiskStore, DiskStore, MEMORY_FOLDER } from './disk-store.js';
export { FatalVerdict, MemoryStore, ModelPort, type ModelStore } from './model-port.js';
