import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ArchiveEntry } from '../../../core/boot/index.js';
import { modelFromImage } from '../../../core/host/image-model.js';
import { type HypervisorImage, readImage } from '../../../core/image/index.js';
import type { Model } from '../../../core/verify/model.js';
import type { RigHypervisor } from '../../../rig/hypervisor.js';
import type { Dom0 } from '../../../rig/initramfs.js';
import type { MachineRequest } from '../../../rig/machine.js';
import { RigUnavailable } from '../../../rig/run.js';
import { extractPayload } from '../../support/extracted-payload.js';
import { prepareFamily } from '../../support/family.js';
import { APP_FOLDER, projectEntries } from '../../support/under-test.js';
import { type Base, baseOf } from '../variants.js';

/** Payloads that variants are made of. */
const BASES = [
  'hello',
  'data',
  'metadata',
  'expect-right',
  'hook-apply',
  'hook-load',
  'nofunc',
  'nop',
  'build-tools-shape',
  'chain-01',
  'old-address',
];

/** Payloads with tables that Xen acts on while it loads them. */
const TABLE_BASES = ['build-tools-shape'];
/** Functions with alternatives, exception table, .fixup and bug frames: a payload is made of each too. */
const TABLE_FUNCTIONS = ['do_event_channel_op', 'do_domctl'];

/** Payloads of sequences. Hooks that veto, or print, are left out: the model takes hooks to succeed silently. */
const SEQUENCE_PAYLOADS = [
  ...['hello', 'bye', 'replace', 'data', 'metadata', 'nofunc', 'nop'],
  ...['expect-right', 'expect-wrong', 'independent-a', 'independent-b'],
  ...['cumulative-1', 'cumulative-2', 'chain-01', 'chain-02', 'chain-03'],
  ...['hook-load', 'hook-preapply', 'hook-postrevert', 'wrong-depends'],
];

/** The dom0's folders with the three sets of payloads. */
const BASES_FOLDER = 'rig/bases';
const TABLES_FOLDER = 'rig/tables';
const FAMILY_FOLDER = 'rig/family';

/** A real Xen and its model, and the payloads with which the two are compared. */
export interface Subject {
  readonly hypervisor: RigHypervisor;
  readonly image: HypervisorImage;
  readonly model: Model;
  /** As the hypervisor prints it. */
  readonly version: string;
  /** As /proc/xen/xensyms prints it. */
  readonly symbols: string;
  /** The folder of the payload family. */
  readonly family: string;
  readonly bases: readonly [Base, ...Base[]];
  /** Those whose tables are varied: alternatives, exception table, bug frames. */
  readonly tableBases: readonly [Base, ...Base[]];
  readonly payloads: ReadonlyMap<string, Uint8Array>;
  readonly request: MachineRequest;
}

/** Those of the family that could be built for this hypervisor, by name. */
function contentsIn(family: string, names: readonly string[]): Map<string, Uint8Array> {
  return new Map(
    names
      .map((name) => ({ name, file: join(family, `${name}.livepatch`) }))
      .filter(({ file }) => existsSync(file))
      .map(({ name, file }) => [name, new Uint8Array(readFileSync(file))]),
  );
}

function payloadEntries(folder: string, contents: ReadonlyMap<string, Uint8Array>): ArchiveEntry[] {
  return [...contents].map(([name, bytes]) => ({
    path: `${folder}/${name}.livepatch`,
    kind: 'file',
    bytes: Buffer.from(bytes),
  }));
}

/** Makes a release ready for the comparison. */
export async function prepareSubject(hypervisor: RigHypervisor, dom0: Dom0): Promise<Subject> {
  const family = await prepareFamily(hypervisor);
  const image = readImage(readFileSync(hypervisor.symbols), hypervisor.symbols);
  const { model, version, symbols } = modelFromImage(image, null);
  const baseContents = contentsIn(family, [...BASES].sort());
  const [base, ...others] = [...baseContents].map(([name, bytes]) => baseOf(name, bytes));
  const extracted = TABLE_FUNCTIONS.map(
    (name) => [name, extractPayload(image, { functions: [name] })] as const,
  );
  // In the order in which dom0 finds them in their folder.
  const tableContents = new Map(
    [...contentsIn(family, TABLE_BASES), ...extracted].sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  const [table, ...otherTables] = [...tableContents].map(([name, bytes]) => baseOf(name, bytes));
  if (base === undefined || table === undefined) {
    throw new RigUnavailable(`${family} holds none of the payloads needed.`);
  }
  const payloads = contentsIn(family, SEQUENCE_PAYLOADS);
  const request: MachineRequest = {
    hypervisor: hypervisor.image,
    dom0,
    files: [
      ...projectEntries('test/differential/real/agent.js'),
      ...payloadEntries(BASES_FOLDER, baseContents),
      ...payloadEntries(TABLES_FOLDER, tableContents),
      ...payloadEntries(FAMILY_FOLDER, payloads),
    ],
    command: `exec node /${APP_FOLDER}/dist/test/differential/real/agent.js /${BASES_FOLDER} /${TABLES_FOLDER} /${FAMILY_FOLDER}`,
  };
  return {
    hypervisor,
    image,
    model,
    version,
    symbols,
    family,
    bases: [base, ...others],
    tableBases: [table, ...otherTables],
    payloads,
    request,
  };
}
