#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { EXIT } from '../core/findings/index.js';
import { BuildError } from './builder/build-error.js';
import { buildFamily, selectMembers, writeManifest } from './builder/build-family.js';
import { familyMembers, MAX_CHAIN_LENGTH } from './builder/family.js';
import { type ImageFacts, readImageFacts, readJsonFacts } from './builder/image-facts.js';
import { payloadSources } from './builder/locate.js';
import { X86_64 } from './builder/toolchain.js';

const USAGE = `Builds the family of sample payloads against a hypervisor, with gcc and binutils.

  build.js (--image XEN-SYMS-OR-GZ | --symbols FILE.json) --out FOLDER
           [--payload-version 1|2]   1 for Xen up to 4.13, 2 (default) since 4.14
           [--chain N]               length of the chain, default 30
           [--only NAME,NAME…]       these members and the parents they need
                                     ("big" is built only where it is named)
           [--with-dangerous]        also those that kill a real hypervisor, in FOLDER/dangerous
`;

async function main(argv: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      image: { type: 'string' },
      symbols: { type: 'string' },
      out: { type: 'string' },
      'payload-version': { type: 'string', default: '2' },
      chain: { type: 'string', default: '30' },
      only: { type: 'string' },
      'with-dangerous': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  if (values.out === undefined) throw usage('--out is missing');
  const started = performance.now();
  const chainLength = wholeNumber('--chain', values.chain, 0, MAX_CHAIN_LENGTH);
  const family = familyMembers(chainLength);
  const chosen =
    values.only === undefined
      ? family.filter((member) => member.onRequest !== true)
      : selectMembers(family, values.only.split(','));
  const manifest = await buildFamily({
    image: await readFacts(values.image, values.symbols),
    members: chosen.filter((member) => values['with-dangerous'] || member.dangerous !== true),
    out: values.out,
    sources: payloadSources(),
    payloadVersion: wholeNumber('--payload-version', values['payload-version'], 1, 2) === 1 ? 1 : 2,
    tools: X86_64,
  });
  writeManifest(values.out, manifest);
  for (const { name, why } of manifest.leftOut) process.stderr.write(`Left out ${name}: ${why}\n`);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stderr.write(`${manifest.payloads.length} payloads in ${values.out}, ${seconds} s\n`);
}

async function readFacts(image?: string, symbols?: string): Promise<ImageFacts> {
  if (image !== undefined && symbols === undefined) return readImageFacts(image);
  if (symbols !== undefined && image === undefined) return readJsonFacts(symbols);
  throw usage('give either --image or --symbols');
}

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw usage(`${option} is ${JSON.stringify(text)}, expected ${least} to ${most}`);
}

function usage(message: string): BuildError {
  return new BuildError('usage', message, { hint: USAGE });
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${message}\n`);
  if (error instanceof BuildError && error.hint !== undefined) {
    process.stderr.write(`${error.hint}\n`);
  }
  const isMistake = error instanceof BuildError && error.code === 'usage';
  process.exitCode = isMistake ? EXIT.usage : EXIT.failed;
});
