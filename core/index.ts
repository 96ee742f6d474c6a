/**
 * xsplice-ts as a library: three calls, and what they take and give. `check` compares payloads with a hypervisor
 * image, `openHost` opens a hypervisor, `change` does with it what is wanted. Operations that cannot be done
 * throw an XspliceError; what was found out about an input is a Finding. Each part has a path of its own, with an
 * example: `xsplice-ts/check`, `/change`, `/hosts`, `/payload`, `/findings`, and `/elf`, which is not in here.
 *
 * @packageDocumentation
 */
export * from './public/change.js';
export * from './public/check.js';
export * from './public/findings.js';
export * from './public/hosts.js';
export * from './public/payload.js';
