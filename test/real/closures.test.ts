import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { looksLikeElf } from '../../core/elf/index.js';
import { readImage } from '../../core/image/index.js';
import {
  type CodeGraph,
  type CodeNode,
  codeGraph,
  readBaseCode,
  runningCode,
} from '../../core/oldcode/index.js';
import { surveyClosures } from '../bench/survey.js';
import { cpuMs } from '../support/cpu-time.js';
import { settingOf } from '../support/demo-code.js';
import { realInputs } from '../support/readelf.js';

/** Hypervisors of a distribution. */
const images = realInputs().filter((file) => /xen-(syms-)?[\d.]+.*amd64(\.gz)?$/.test(file));
assert.ok(images.length > 0, 'XSPLICE_REAL_INPUTS names no hypervisor image');

/** What is called, by name: a record of one file has to fit the other. */
function calleesOf(graph: CodeGraph | undefined, node: CodeNode): readonly string[] {
  return node.callees.map((address) => graph?.node(address)?.name ?? 'nothing');
}

describe('the code of real hypervisors', () => {
  for (const file of images) {
    it(`of ${path.basename(file)}: every function is decoded, and its closure known`, async (t) => {
      const { base, model, disassembler } = await settingOf(file);
      const graph = codeGraph(disassembler, runningCode(base, model));
      const start = cpuMs();
      const closures = surveyClosures(graph);
      const elapsed = cpuMs() - start;
      assert.equal(closures.length, base.extents.length);
      assert.ok(closures.length > 3000, `${closures.length} functions`);
      assert.ok(elapsed < 5000, `${elapsed} ms for all closures`);
      assert.ok(base.sites.length > 1000, `${base.sites.length} sites`);
      const share = closures.filter((c) => c.hasUnknownEdges).length / closures.length;
      t.diagnostic(
        `${closures.length} functions; ${(100 * share).toFixed(1)} % have unknown edges in their closure; ${elapsed.toFixed(0)} ms`,
      );
      assert.ok(share > 0.1 && share < 0.9, `${share} of the closures have unknown edges`);
    });
  }

  const bases = images.filter((file) => looksLikeElf(readFileSync(file)));
  for (const file of bases) {
    const packed = images.filter((other) => other.endsWith('.gz'));
    it(`of ${path.basename(file)}: has the same digests in every file of its build`, async (t) => {
      const image = readImage(readFileSync(file), file);
      const twin = packed
        .map((other) => readImage(readFileSync(other), other))
        .find((other) => other.buildIds[0]?.id === image.buildIds[0]?.id);
      if (twin === undefined) {
        t.skip('no packed image of the same build');
        return;
      }
      const { base, model, disassembler } = await settingOf(file);
      const { model: other } = await settingOf(twin.file);
      const graphs = [
        codeGraph(disassembler, runningCode(base, model)),
        codeGraph(disassembler, runningCode(readBaseCode(twin), other)),
      ];
      let compared = 0;
      for (const { name, address } of base.extents) {
        const [here, there] = graphs.map((graph) => graph.node(address));
        if (here == null || there == null) continue;
        compared++;
        assert.equal(there.digest, here.digest, name);
        assert.deepEqual(calleesOf(graphs[1], there), calleesOf(graphs[0], here), name);
      }
      assert.ok(compared > base.extents.length * 0.99, `${compared} of ${base.extents.length}`);
    });
  }
});
