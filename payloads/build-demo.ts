#!/usr/bin/env node
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildFamily, writeManifest } from './builder/build-family.js';
import { buildDemoImage } from './builder/demo-image.js';
import { ARM64_MEMBER, familyMembers } from './builder/family.js';
import { readElfFacts } from './builder/image-facts.js';
import { payloadSources } from './builder/locate.js';
import type { Manifest } from './builder/manifest.js';
import { ARM64, X86_64 } from './builder/toolchain.js';

/** Links in the demo's chain: enough to see an order, few enough to commit. */
const DEMO_CHAIN_LENGTH = 5;

/** Builds the demo image and its payloads, and with `--arm64` the arm64 payload too. */
async function main(argv: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...argv],
    options: { out: { type: 'string' }, arm64: { type: 'boolean', default: false } },
  });
  const sources = payloadSources();
  const out = values.out ?? join(sources, 'demo');
  const file = 'xen-syms-demo';
  await buildDemoImage(sources, join(out, file), X86_64);
  const request = {
    image: await readElfFacts(join(out, file)),
    members: familyMembers(DEMO_CHAIN_LENGTH).filter((member) => member.onRequest !== true),
    out,
    sources,
    payloadVersion: 2,
    tools: X86_64,
  } as const;
  const manifest = await buildFamily(request);
  const arm64 = values.arm64 ? await buildArm64(request, out) : [];
  writeManifest(out, {
    ...manifest,
    hypervisor: { buildId: manifest.hypervisor.buildId, file },
    payloads: [...manifest.payloads, ...arm64],
  });
  for (const { name, why } of manifest.leftOut) process.stderr.write(`Left out ${name}: ${why}\n`);
  process.stderr.write(`${manifest.payloads.length + arm64.length} payloads in ${out}\n`);
}

/** The arm64 payload borrows the demo image's id and sizes: nothing can load it. */
async function buildArm64(
  request: Parameters<typeof buildFamily>[0],
  out: string,
): Promise<Manifest['payloads']> {
  const built = await buildFamily({
    ...request,
    members: [ARM64_MEMBER],
    out: join(out, 'arm64'),
    tools: ARM64,
  });
  return built.payloads.map((entry) => ({ ...entry, file: `arm64/${entry.file}` }));
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
