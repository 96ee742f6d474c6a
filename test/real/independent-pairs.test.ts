import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import { modelFromImage } from '../../core/host/image-model.js';
import { type HypervisorImage, readImage } from '../../core/image/index.js';
import {
  type CodeContext,
  closureOf,
  codeContext,
  codeGraph,
  guardPayload,
  runningCode,
} from '../../core/oldcode/index.js';
import { type Payload, readPayload } from '../../core/payload/index.js';
import { runCli, temporaryFolder } from '../support/cli.js';
import { withApplied } from '../support/demo-code.js';
import { extractPayload } from '../support/extracted-payload.js';

/** xen-syms of several releases, as `npm run test:real` fetches them. */
const files = (process.env['XSPLICE_REAL_XEN_SYMS'] ?? '').split(':').filter((file) => file !== '');
assert.ok(files.length > 0, 'XSPLICE_REAL_XEN_SYMS names no xen-syms');

/** Fixes of different subsystems, and what each changes. */
const INDEPENDENT: readonly (readonly [first: readonly string[], second: readonly string[]])[] = [
  [['do_xen_version', 'do_sysctl'], ['do_event_channel_op']],
  [['do_event_channel_op'], ['do_hvm_op']],
  [['do_event_channel_op'], ['do_physdev_op']],
  [['do_sched_op'], ['do_physdev_op']],
  [['do_grant_table_op'], ['vlapic_ipi']],
  [['do_console_io'], ['do_event_channel_op']],
  [['do_mmuext_op'], ['do_event_channel_op']],
  [['do_memory_op'], ['msi_compose_msg']],
  [['do_domctl'], ['guest_cpuid']],
  [['do_hvm_op'], ['do_kexec_op']],
  [['do_vcpu_op'], ['hvm_msr_read_intercept']],
  [['do_callback_op'], ['do_sched_op']],
];
const FEWEST_INDEPENDENT = 10;

/** Of these the second one reaches what the first one replaces, or both replace it. */
const DEPENDENT: typeof INDEPENDENT = [
  [['do_event_channel_op'], ['do_event_channel_op', 'do_sched_op']],
  [['vlapic_ipi'], ['do_domctl']],
  [['xen_extra_version'], ['do_xen_version']],
  [['strlcpy'], ['do_sysctl']],
  [['arch_do_domctl'], ['do_domctl']],
  [['printk'], ['do_physdev_op']],
];

for (const file of files) {
  describe(`fixes as livepatch-build-tools makes them, for ${path.basename(file)}`, () => {
    let image: HypervisorImage;
    let bare: CodeContext;
    before(() => {
      image = readImage(readFileSync(file), file);
      bare = codeContext(image, modelFromImage(image, null).model);
    });
    const payload = (functions: readonly string[]): Payload => {
      // Before 4.17.3 Xen writes into it.
      const bytes = extractPayload(image, { functions, writableFuncs: file.includes('4.14') });
      return readPayload(bytes, `${functions.join('+')}.livepatch`);
    };
    /** Why the second one may not be applied above the first; empty where it may. */
    const conflicts = ([first, second]: (typeof INDEPENDENT)[number]): readonly string[] => {
      const context = withApplied(bare, payload(first));
      const { passes, findings } = guardPayload('old-code', context, payload(second));
      const errors = findings.filter(({ severity }) => severity === 'error');
      assert.equal(passes, errors.length === 0);
      return errors.map(({ code, message }) => `${code}: ${message}`);
    };

    it('are independent of each other in different subsystems', (t) => {
      const refused = INDEPENDENT.flatMap((pair) => {
        const why = conflicts(pair);
        const words = `${pair[0].join('+')} beside ${pair[1].join('+')}`;
        t.diagnostic(`${words}: ${why.length === 0 ? 'passes' : why.join('; ')}`);
        return why.length === 0 ? [] : [words];
      });
      assert.ok(
        INDEPENDENT.length - refused.length >= FEWEST_INDEPENDENT,
        `refused: ${refused.join(', ')}`,
      );
      assert.ok(!refused.includes('do_xen_version+do_sysctl beside do_event_channel_op'));
    });

    it('are refused where one reaches or replaces what the other replaces', (t) => {
      for (const pair of DEPENDENT) {
        const why = conflicts(pair);
        t.diagnostic(`${pair[0].join('+')} beside ${pair[1].join('+')}: ${why[0] ?? 'passes'}`);
        assert.ok(
          why.some((text) => text.startsWith('old-code-overlaps')),
          pair.flat().join(', '),
        );
      }
    });

    it('give no error and no warning, each by itself', async (t) => {
      const folder = temporaryFolder(t);
      const sets = [...new Map(INDEPENDENT.flat().map((set) => [set.join('+'), set])).values()];
      for (const functions of sets) {
        const { elf, file: name } = payload(functions);
        const written = path.join(folder, name);
        writeFileSync(written, elf.bytes);
        const { code, stdout } = await runCli(['check', '--image', file, written, '--json']);
        const { findings } = JSON.parse(stdout) as {
          findings: readonly { severity: string; code: string; message: string }[];
        };
        const loud = findings.filter(({ severity }) => severity !== 'note');
        assert.deepEqual(
          loud.map((one) => `${one.severity} ${one.code}: ${one.message}`),
          [],
        );
        assert.equal(code, 0);
      }
    });

    it('reach what they call, not all that may fault', () => {
      const graph = codeGraph(bare.disassembler, runningCode(bare.base, bare.model));
      for (const name of ['do_xen_version', 'do_event_channel_op', 'do_grant_table_op']) {
        const root = graph.named(name);
        assert.ok(root, name);
        const { nodes } = closureOf(graph, root);
        assert.ok(nodes.length < 1000, `${name} reaches ${nodes.length} functions`);
      }
    });
  });
}
