/** How a hypervisor is run. Paths are relative to the folder in which QEMU is started: it would split others at commas. */
export interface QemuRequest {
  readonly accelerator: 'kvm' | 'tcg';
  readonly memoryMib: number;
  readonly dom0MemoryMib: number;
  readonly hypervisor: string;
  readonly kernel: string;
  readonly initramfs: string;
  /** The socket that leads to dom0, and how it comes out there: the second serial port, which is slow, or virtio's. */
  readonly port: string;
  readonly channel: 'serial' | 'virtio';
  /** Further words for Xen's command line. */
  readonly xenOptions?: string;
}

export const QEMU = 'qemu-system-x86_64';

const ACCELERATOR = { kvm: 'kvm', tcg: 'tcg,thread=multi' } as const;

const CHANNEL = {
  serial: ['-serial', 'chardev:port'],
  virtio: ['-device', 'virtio-serial-pci', '-device', 'virtserialport,chardev=port'],
} as const;

/** The words behind the program's name. Standard output is the console of Xen and of dom0's kernel. */
export function qemuWords(request: QemuRequest): readonly string[] {
  const { accelerator, memoryMib, dom0MemoryMib, hypervisor, port, xenOptions = '' } = request;
  // Xen has two CPUs, which have to meet for every action. A dom0 with two let a third of its programs that
  // ran WebAssembly die of SIGSEGV (QEMU 7.2), and QEMU with one thread for both never let them meet in time
  // in a sixth of the actions; with one CPU for dom0, neither was seen.
  const xen = `console=com1 com1=115200,8n1 dom0_mem=${dom0MemoryMib}M dom0_max_vcpus=1 loglvl=all guest_loglvl=all ${xenOptions}`;
  // Its kernel would look at each of its pages for a second before it protects them.
  const kernel = `${request.kernel} console=hvc0 earlyprintk=xen rodata=off`;
  return [
    // `-cpu max` has features that Xen under TCG does not survive; qemu64 has not.
    ...['-machine', 'q35', '-cpu', 'qemu64', '-accel', ACCELERATOR[accelerator]],
    ...['-smp', '2', '-m', String(memoryMib), '-nographic', '-nodefaults'],
    ...['-kernel', hypervisor, '-append', xen.trim()],
    ...['-initrd', `${kernel},${request.initramfs}`],
    ...['-serial', 'stdio'],
    ...['-chardev', `socket,id=port,path=${port},server=on,wait=off`],
    ...CHANNEL[request.channel],
  ];
}
