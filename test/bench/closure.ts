import { readFileSync } from 'node:fs';
import path from 'node:path';
import { modelFromImage } from '../../core/host/image-model.js';
import { readImage } from '../../core/image/index.js';
import { codeGraph, readBaseCode, runningCode } from '../../core/oldcode/index.js';
import { loadDisassembler } from '../../core/x86/index.js';
import { surveyClosures } from './survey.js';

/**
 * Prints how long all closures of a hypervisor take, and how much of them is known:
 *
 *     node dist/test/bench/closure.js XEN-SYMS…
 */
for (const file of process.argv.slice(2)) {
  const laps: string[] = [];
  let start = performance.now();
  const lap = (what: string) => {
    const now = performance.now();
    laps.push(`${what} ${(now - start).toFixed(0)} ms`);
    start = now;
  };
  const image = readImage(readFileSync(file), file);
  const { model } = modelFromImage(image, null);
  lap('image');
  const disassembler = loadDisassembler();
  lap('disassembler');
  const base = readBaseCode(image);
  lap('functions and sites');
  const closures = surveyClosures(codeGraph(disassembler, runningCode(base, model)));
  lap('closures');
  const share = (count: number) => `${((100 * count) / closures.length).toFixed(1)} %`;
  const own = closures.filter(({ node }) => node.unknownEdges > 0).length;
  const unknown = closures.filter(({ hasUnknownEdges }) => hasUnknownEdges).length;
  const sizes = closures.map(({ functions }) => functions).sort((a, b) => a - b);
  console.log(`${path.basename(file)}: ${laps.join(', ')}`);
  console.log(
    `  ${closures.length} functions, ${base.sites.length} sites patched at boot; unknown edges of their own ${share(own)}, in their closure ${share(unknown)}`,
  );
  console.log(
    `  functions in a closure: median ${sizes[sizes.length >> 1]}, largest ${sizes.at(-1)}`,
  );
}
