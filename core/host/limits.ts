/** Ours, for an image and its .bss: Xen's own address range for both is 1 GiB, and it uses some 10 MiB. */
export const MAX_MEMORY_SIZE = 256n * 1024n * 1024n;
