import { R_X86_64 } from '../../../core/elf/constants.js';
import { SHF, STB, STT } from '../../../core/elf/index.js';
import type { RelocationSpec } from '../../support/elf-builder.js';
import type { FunctionSpec, PayloadSpec } from '../../support/payload-builder.js';
import { codeOf, find, type Kitchen } from './kitchen.js';

const SECTION = '.text.copy';
const COPY = 'xsplice_rig_copy';

/**
 * A payload that replaces a function of the hypervisor by the very same code: what goes wrong with it, goes
 * wrong with any fix of that function.
 *
 * @throws Error where a short branch leaves the function.
 */
export function copyOf(kitchen: Kitchen, name: string): PayloadSpec {
  const { address, size } = find(kitchen, name);
  const end = address + size;
  const data = kitchen.model.memory.read(address, Number(size)).slice();
  const extraRelocations = codeOf(kitchen, name).flatMap((instruction): RelocationSpec[] => {
    const behind = instruction.address + BigInt(instruction.length);
    return instruction.addressFields.flatMap(({ kind, offset, sizeBytes }): RelocationSpec[] => {
      const to = kind === 'branch' ? instruction.target : instruction.ripTarget;
      if (kind === 'absolute' || to === null || (to >= address && to < end)) return [];
      if (sizeBytes !== 4) throw new Error(`${name} cannot be copied`);
      const field = instruction.address + BigInt(offset);
      return [
        {
          section: SECTION,
          offset: field - address,
          type: R_X86_64.PC32,
          symbol: name,
          addend: to - address - (behind - field),
        },
      ];
    });
  });
  const entry: FunctionSpec = {
    name,
    newAddress: COPY,
    oldSize: Number(size),
    newSize: Number(size),
  };
  return {
    functions: [entry],
    extraSections: [{ name: SECTION, flags: SHF.ALLOC | SHF.EXECINSTR, data, align: 16 }],
    extraSymbols: [
      { name: COPY, section: SECTION, size, binding: STB.LOCAL, type: STT.FUNC },
      { name, binding: STB.GLOBAL },
    ],
    extraRelocations,
    stringsSymbol: 'copy_strings',
  };
}
