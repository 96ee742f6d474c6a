import type { VerdictStage } from '../verify/index.js';

/** What to do about a refusal, by the check that refuses. */
const ADVICE: Readonly<Record<VerdictStage, string>> = {
  'name-and-size':
    'A name has at most 127 bytes and a payload at most 2 MiB: rename it, or strip --strip-debug.',
  'same-name': 'A payload of this name is loaded: unload it first, or rename the file.',
  'elf-header':
    'It has to be a relocatable ELF64 file for the machine Xen runs on: link it with ld -r.',
  'section-table': 'The file is damaged, or was changed after it was linked: build it again.',
  'section-names': 'The file is damaged, or was changed after it was linked: build it again.',
  'symbol-table': 'It needs exactly one symbol table: do not strip its symbols.',
  placement: 'A section that is loaded has an impossible size: build it again.',
  'symbol-resolution':
    'It uses a symbol that neither this Xen nor a payload below it has: build it against this very Xen, or apply first what defines the symbol.',
  relocation:
    'It has a relocation that Xen cannot do: build it with -fPIC -mcmodel=small and link it with ld -r.',
  'special-sections':
    'It needs its own build-id, .livepatch.depends and (since 4.14) .livepatch.xen_depends, loaded and not empty: link it with --build-id, and add the two notes.',
  'patching-sections': 'It needs .livepatch.funcs or a hook.',
  functions:
    'A function in .livepatch.funcs does not fit this Xen: build the payload against the headers and the image of this very Xen.',
  hooks:
    'A hook section has the wrong size: each holds one pointer, those of load and unload any number.',
  'own-build-id': 'Its build-id is malformed, or loaded under another name: look at list.',
  depends: 'Its .livepatch.depends is malformed: it has to hold a GNU build-id note.',
  'xen-depends': 'Its .livepatch.xen_depends is malformed: it has to hold a GNU build-id note.',
  'bug-frames': 'Its bug frames have an impossible size: build it against the headers of this Xen.',
  alternatives: 'Its alternatives do not fit: build it against the headers of this Xen.',
  'alt-call-sites': 'Its alternative calls do not fit: build it against the headers of this Xen.',
  'exception-table': 'Its exception table does not fit: build it against the headers of this Xen.',
  metadata: 'Its .modinfo has to be key=value strings, each closed by a NUL.',
  'xen-build-id': 'It was built for another hypervisor: take the one built for this build-id.',
  'new-symbols':
    'It defines a symbol that Xen or a loaded payload has: rename it, or unload that payload.',
  lookup: 'No payload of this name is loaded: look at list.',
  state: 'The payload is in a state that does not allow it: look at list.',
  'top-of-stack': 'Only the top of the stack can be reverted: revert what is above it first.',
  're-apply':
    'It was applied before and has data of its own: unload it and upload it again (apply FILE does).',
  dependency:
    'It does not build on what it would be applied on: apply its parent first, or use replace for a cumulative one.',
  expectations:
    'The code it replaces is not what it expects: it was made for another build, or another payload changed that function.',
  'vetoing-hooks':
    'REPLACE is not possible with pre and post hooks: revert --to base, then apply it.',
  patching: 'Build it again, and try it on an embedded hypervisor first.',
};

/** The fix for a refusal at this stage; a general one where the hypervisor does not tell the stage. */
export function adviceFor(stage: string | undefined): string {
  const known = Object.entries(ADVICE).find(([name]) => name === stage);
  return known?.[1] ?? "Look at Xen's console (xl dmesg) for its reason.";
}
