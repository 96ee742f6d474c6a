export { connectTo } from './connect-to.js';
export { type ArchiveEntry, cpioArchive } from './cpio.js';
export { signOfDeath } from './death.js';
export {
  type Archive,
  kernelPackage,
  type PackageTree,
  unpackOlder,
  unpackPackages,
  unpackRoot,
} from './debian.js';
export { type BootFiles, bootFiles, DOM0_PROGRAM } from './dom0.js';
export { bootableOf } from './hypervisor.js';
export { keptOnce } from './kept-once.js';
export { unpackedKernel } from './kernel.js';
export { isKvmUsable } from './kvm.js';
export { BootedMachine, type BootRequest, type MachineEnd } from './machine.js';
export { findMirror } from './mirror.js';
export { filesBelow, modulesIn } from './modules.js';
export { QEMU, qemuWords } from './qemu.js';
export { isInstalled, run, Unavailable } from './run.js';
