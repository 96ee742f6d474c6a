import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildFamily } from '../../payloads/builder/build-family.js';
import { familyMembers, type Member } from '../../payloads/builder/family.js';
import { readElfFacts } from '../../payloads/builder/image-facts.js';
import { payloadSources } from '../../payloads/builder/locate.js';
import { X86_64 } from '../../payloads/builder/toolchain.js';
import { buildIdNote, hexBytes } from '../support/elf-builder.js';
import { tinyPayload } from '../support/tiny-model.js';

/** What a rehearsal is to find something about, by name. */
export type PayloadName =
  | 'first'
  | 'idle'
  | 'hooked'
  | 'vetoed'
  | 'wrong-depends'
  | 'too-small'
  | 'deadly';

const family = new Map(familyMembers(2).map((member) => [member.name, member]));

function like(source: string, name: string, below: string | null, more: Partial<Member> = {}) {
  const member = family.get(source);
  if (member === undefined) throw new Error(`there is no ${source}`);
  const depends = below === null ? 'hypervisor' : { member: below };
  return { ...member, name, depends, ...more } satisfies Member;
}

/**
 * Builds payloads for the Xen of this xen-syms; returns the folder. A chain: the first changes something, the second shows
 * the same, the third has load and unload hooks, the fourth one that refuses. And three that are wrong.
 */
export async function buildPayloads(symbols: string): Promise<string> {
  const image = await readElfFacts(symbols);
  const out = mkdtempSync(join(tmpdir(), 'xsplice-rehearsed-'));
  await buildFamily({
    ...{ image, out, sources: payloadSources(), payloadVersion: 2, tools: X86_64 },
    members: [
      like('chain-01', 'first', null),
      like('chain-01', 'idle', 'first'),
      like('hook-load', 'hooked', 'idle'),
      like('veto-preapply', 'vetoed', 'hooked'),
      like('wrong-depends', 'wrong-depends', null, { depends: 'nowhere' }),
      like('too-small', 'too-small', null),
    ],
  });
  // Xen reads the function's name where there is none.
  const id = buildIdNote(hexBytes(image.buildId));
  const functions = [{ name: null, newAddress: 'new_code' }];
  const deadly = tinyPayload({ depends: id, xenDepends: id, functions });
  writeFileSync(join(out, 'deadly.livepatch'), deadly);
  return out;
}
