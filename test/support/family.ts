import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildFamily, writeManifest } from '../../payloads/builder/build-family.js';
import { familyMembers } from '../../payloads/builder/family.js';
import { readElfFacts } from '../../payloads/builder/image-facts.js';
import { payloadSources } from '../../payloads/builder/locate.js';
import { X86_64 } from '../../payloads/builder/toolchain.js';
import { cachedFolder } from '../../rig/cache.js';
import type { RigHypervisor } from '../../rig/hypervisor.js';
import { CHAIN_LENGTH } from './chain-length.js';

function hashFolder(hash: ReturnType<typeof createHash>, folder: string, ending: RegExp): void {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  for (const name of names.filter((entry) => ending.test(entry))) {
    hash.update(name).update(readFileSync(join(folder, name)));
  }
}

/** The folder with the sample payloads built for this hypervisor; built again when they change. */
export async function prepareFamily(hypervisor: RigHypervisor): Promise<string> {
  const compiled = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'payloads', 'builder');
  const hash = createHash('sha256').update(String(CHAIN_LENGTH));
  hashFolder(hash, payloadSources(), /\.[ch]$/);
  hashFolder(hash, compiled, /\.js$/);
  const key = `${hypervisor.key}-${hash.digest('hex').slice(0, 16)}`;
  return cachedFolder('families', key, async (folder) => {
    const manifest = await buildFamily({
      image: await readElfFacts(hypervisor.symbols),
      members: familyMembers(CHAIN_LENGTH).filter((member) => member.dangerous !== true),
      out: folder,
      sources: payloadSources(),
      payloadVersion: 2,
      tools: X86_64,
    });
    writeManifest(folder, manifest);
  });
}
