import { DF_1_PIE, DT, dynamicValue, type ElfProgram, ET, readDynamic } from '../../elf/index.js';

/** Any dynamically linked program, or a library. */
export interface LinkedHost {
  readonly kind: 'linked';
  readonly isProgram: boolean;
  /** Null of a program, and of a library without. Escape before printing. */
  readonly soname: string | null;
}

/** Null where the file has no dynamic section. Fails with an ElfError where it is damaged. */
export function readLinkedHost(program: ElfProgram): LinkedHost | null {
  const dynamic = readDynamic(program);
  if (dynamic === null) return null;
  const flags = dynamicValue(dynamic, DT.FLAGS_1) ?? 0n;
  const isProgram = program.type === ET.EXEC || (flags & DF_1_PIE) !== 0n;
  return { kind: 'linked', isProgram, soname: dynamic.soname };
}
