import { openXenCall } from '../../core/hypervisor/xen/handle/library.js';

/** xen/include/public/domctl.h: XEN_DOMCTL_setvcpuaffinity and its fields in struct xen_domctl. */
const HYPERVISOR_DOMCTL = 36;
const SET_VCPU_AFFINITY = 9;
const HARD = 1;
const FIELD = { cmd: 0, version: 4, flags: 20, hardBitmap: 24, hardBits: 32 } as const;
/** Interface versions of Xen 4.13 to 4.22. A wrong one is answered with EACCES. */
const VERSIONS = Array.from({ length: 16 }, (_, index) => 0x11 + index);
const EACCES = 13;
const BITMAP_OFFSET = 512;

/** Has the only vCPU of dom0 run on this CPU of Xen's two, and on no other. */
export async function moveDom0(cpu: number): Promise<void> {
  const call = openXenCall();
  const page = call.allocate(4096);
  try {
    const view = new DataView(page.bytes.buffer, page.bytes.byteOffset);
    for (const version of VERSIONS) {
      page.bytes.fill(0);
      view.setUint32(FIELD.cmd, SET_VCPU_AFFINITY, true);
      view.setUint32(FIELD.version, version, true);
      view.setUint32(FIELD.flags, HARD, true);
      view.setBigUint64(FIELD.hardBitmap, page.address + BigInt(BITMAP_OFFSET), true);
      view.setUint32(FIELD.hardBits, 8, true);
      page.bytes[BITMAP_OFFSET] = 1 << cpu;
      const rc = call.call(HYPERVISOR_DOMCTL, page.address);
      if (rc === 0) return;
      if (rc !== -EACCES) throw new Error(`dom0 cannot be moved to CPU ${cpu}: ${rc}`);
    }
    throw new Error('no version of the domctl interface is taken');
  } finally {
    page.free();
    call.close();
  }
}
