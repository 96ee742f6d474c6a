import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { R_X86_64, SHF } from '../../core/elf/index.js';
import { idOrNull, type PayloadId, readPayload } from '../../core/payload/index.js';
import { demo } from '../support/cli.js';
import { buildIdNote, hexBytes } from '../support/elf-builder.js';
import { buildPayload } from '../support/payload-builder.js';

/** What the payloads of the demo were built for. */
export const DEMO_ID = idOrNull(readPayload(readFileSync(demo('hello')), 'hello').xenDepends) ?? '';

/** The id of a link of a chain; the hypervisor's below the first. */
function idOf(index: number): string {
  if (index < 0) return DEMO_ID;
  return createHash('sha1').update(`link ${index}`).digest('hex');
}

/** Names without repetition that are as long as the `chain` of the demo's symbols. */
function tagOf(index: number): string {
  return index.toString(36).padStart('chain'.length, '0');
}

/** A chain of payloads of 2 kB: a real one of the demo, with other ids and symbols. */
export function makeChain(folder: string, count: number): string {
  mkdirSync(folder);
  const bytes = readFileSync(demo('chain-02'));
  const payload = readPayload(bytes, 'chain-02');
  const names: number[] = [];
  for (let at = bytes.indexOf('chain_02_'); at >= 0; at = bytes.indexOf('chain_02_', at + 1)) {
    names.push(at);
  }
  for (let index = 0; index < count; index++) {
    const link = Buffer.from(bytes);
    link.write(idOf(index), offsetOf(payload.buildId), 'hex');
    link.write(idOf(index - 1), offsetOf(payload.depends), 'hex');
    for (const at of names) link.write(tagOf(index), at, 'latin1');
    writeFileSync(join(folder, `${String(index).padStart(6, '0')}.livepatch`), link);
  }
  return folder;
}

function offsetOf(id: PayloadId): number {
  if (id.status !== 'present') throw new Error('the demo has no ids');
  return Number(id.offset);
}

const LARGE_BYTES = 220_000;
const POINTERS = 2000;

/** A chain of payloads of 270 kB, most of it data with 2,000 pointers in it. Made by the tests' own builder. */
export function makeLargeChain(folder: string, count: number): string {
  mkdirSync(folder);
  const note = (index: number) => buildIdNote(hexBytes(idOf(index)));
  for (let index = 0; index < count; index++) {
    const code = `${tagOf(index)}_new`;
    const bytes = buildPayload({
      buildId: note(index),
      depends: note(index - 1),
      xenDepends: note(-1),
      functions: [{ name: 'xen_extra_version', newAddress: code, oldSize: 12 }],
      stringsSymbol: `${tagOf(index)}_names`,
      extraSections: [
        { name: '.rodata.large', flags: SHF.ALLOC, data: new Uint8Array(LARGE_BYTES) },
      ],
      extraRelocations: Array.from({ length: POINTERS }, (_, at) => ({
        section: '.rodata.large',
        offset: BigInt(at * 8),
        type: R_X86_64[64],
        symbol: code,
      })),
    });
    writeFileSync(join(folder, `${String(index).padStart(6, '0')}.livepatch`), bytes);
  }
  return folder;
}
