import { SHF, SHT } from '../../core/elf/constants.js';
import { readElf } from '../../core/elf/file.js';
import { withFields } from './bytes.js';

/** What objcopy --only-keep-debug leaves: loaded sections but notes have no contents any more. */
export function onlyDebug(bytes: Uint8Array): Uint8Array {
  const { sections } = readElf(bytes);
  const table = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(40, true);
  const emptied = sections.filter(
    ({ flags, type }) => (flags & SHF.ALLOC) !== 0n && type !== SHT.NOTE,
  );
  const typeAt = (index: number) => Number(table) + index * 64 + 4;
  return withFields(
    bytes,
    emptied.map(({ index }) => ({ at: typeAt(index), size: 4, value: BigInt(SHT.NOBITS) })),
  );
}
