import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Of each release: a chain, and payloads of which one is used. */
const CHAIN = Array.from({ length: 10 }, (_, index) => `chain-${`${index + 1}`.padStart(2, '0')}`);
const ALONE = ['hello', 'data', 'metadata', 'endbr', 'independent-a'];
/** More for the last one. */
const MORE = ['build-tools-shape', 'expect-right', 'old-address'];
/** Wrong ones for the release in the middle: in ten ways with the two that are made of them. */
const WRONG = [
  ...['too-small', 'unknown-function', 'unknown-import', 'wrong-version', 'nothing-to-patch'],
  ...['expect-wrong', 'wrong-depends', 'wrong-xen-depends'],
];

/** A hypervisor's xen-syms and the folder of the payload family that was built against it. */
export interface RealPair {
  readonly symbols: string;
  readonly family: string;
}

/**
 * The repository of a team with real hypervisors: three, sixty payloads, ten of them wrong in ten ways, two waivers, one of
 * which has expired.
 */
export function realSample(root: string, pairs: readonly RealPair[]): void {
  const targets = pairs.flatMap(({ symbols, family }, index) => {
    const name = `r${index}`;
    const put = (
      below: string,
      file: string,
      bytes = readFileSync(join(family, `${file}.livepatch`)),
    ) => {
      mkdirSync(join(root, name, below), { recursive: true });
      writeFileSync(join(root, name, below, `${file}.livepatch`), bytes);
    };
    mkdirSync(join(root, 'images'), { recursive: true });
    copyFileSync(symbols, join(root, 'images', name));
    for (const file of CHAIN) put('chain', file);
    for (const file of index === pairs.length - 1 ? [...ALONE, ...MORE] : ALONE) put('alone', file);
    if (index === 1) {
      for (const file of WRONG) put('wrong', file);
      put('wrong', 'truncated', readFileSync(join(family, 'bye.livepatch')).subarray(0, 900));
      put('wrong', 'duplicate', readFileSync(join(family, 'too-small.livepatch')));
      put('risky', 'big');
      put('risky', 'norevert');
    }
    const image = `images/${name}`;
    const folders = ['alone', ...(index === 1 ? ['wrong', 'risky'] : [])];
    return [
      { name: `${name} chain`, image, payloads: `${name}/chain` },
      {
        ...{ name: `${name} alone`, image, mode: 'alternatives' },
        payloads: folders.map((folder) => `${name}/${folder}`),
      },
    ];
  });
  const waiver = { code: 'data-prevents-reapply', reason: 'it is kept beside the hosts' };
  const config = {
    targets,
    waivers: [
      { ...waiver, file: 'r1/risky/*', expires: '2999-12-31' },
      { ...waiver, file: 'r1/alone/*', expires: '2020-01-01' },
    ],
  };
  writeFileSync(join(root, 'xsplice.config.json'), `${JSON.stringify(config, null, 2)}\n`);
}
