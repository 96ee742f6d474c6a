import type { BuildId } from '../abi/ids.js';
import { nameText } from '../abi/payload-name.js';
import { formatRelease, type XenRelease } from '../abi/release.js';
import { XspliceError } from '../findings/index.js';
import type { HostMachine, Snapshot } from '../hypervisor/index.js';
import {
  type AgentConnection,
  connect,
  localMachine,
  OrderedPort,
  openRemoteXen,
  openXen,
  readRunningSymbols,
  readWillRecord,
  type Transport,
  type XenPort,
} from '../hypervisor/xen/index.js';
import { readXensyms } from '../image/index.js';
import type { PayloadInput } from '../payload/index.js';
import { type JudgedRelease, judgedAs, type Model } from '../verify/index.js';
import { findImage } from './find-image.js';
import type { HostKnowledge, OpenHost, PreflightModel } from './host.js';
import { modelFromImage } from './image-model.js';
import { bootIdOf, clockOf } from './machine-clock.js';
import { modelForSnapshot } from './observed-model.js';
import { requireImage } from './require-image.js';
import { modelFromSymbols, UNKNOWN_BYTES } from './symbols-model.js';
import { tookBackFinding } from './took-back.js';
import { vendorAssumption } from './vendor.js';

/** Of the machine that the Xen runs on; `--store` names another. */
const MEMORY_FOLDER = '/var/lib/xsplice-ts';
const RULES_FOLDER = '/etc/xsplice-ts';

/** Opens the Xen under this machine. */
export async function openRunningXen(knowledge: HostKnowledge): Promise<OpenHost> {
  const port = await openXen({ machine: localMachine });
  return { ...hostOver(port, localMachine, knowledge), rules: null };
}

/** Opens the Xen under another machine, with an agent that is sent there. */
export async function openRemote(
  transport: Transport,
  knowledge: HostKnowledge,
): Promise<OpenHost> {
  return remoteHost(await connect(transport), knowledge);
}

/** The Xen at the other end of a connection, which is closed with it. */
export async function remoteHost(
  connection: AgentConnection,
  knowledge: HostKnowledge,
): Promise<OpenHost> {
  const { port, machine } = await openRemoteXen(connection);
  return { ...hostOver(port, machine, knowledge), rules: machine.kept(RULES_FOLDER) };
}

function hostOver(
  port: XenPort,
  machine: HostMachine,
  knowledge: HostKnowledge,
): Omit<OpenHost, 'rules'> {
  return {
    port: new OrderedPort(port, machine),
    preflightModel: (snapshot, payloads) => runningModel(machine, snapshot, knowledge, payloads),
    memory: machine.kept(MEMORY_FOLDER),
    bootId: () => bootIdOf(machine),
    clock: () => clockOf(machine),
    async tookBack() {
      const record = await readWillRecord(machine);
      return record === null ? null : { since: record.since, finding: tookBackFinding(record) };
    },
  };
}

/**
 * A model of the Xen that runs on this machine: of the image given, or else of the one in its folders with its
 * build-id, or else of the symbols in /proc/xen/xensyms alone. An image of another build is refused with both ids.
 */
async function runningModel(
  machine: HostMachine,
  snapshot: Snapshot,
  { image: given = null, release: named = null }: HostKnowledge,
  payloads: readonly PayloadInput[],
): Promise<PreflightModel> {
  const { buildId, version, release } = snapshot.hypervisor;
  if (buildId === null) return { model: null, why: 'the running Xen has no build-id' };
  if (given !== null) requireImage(given, buildId, version);
  const image = given ?? (await findImage(machine, buildId));
  const judged = judgedRelease(named, release, image?.release ?? null);
  if (image === null) {
    return modelWithoutImage(snapshot, await readRunningSymbols(machine), payloads, judged);
  }
  if (image.symbols === null) return { model: null, why: `${image.file} has no symbols` };
  const booted = modelFromImage(image, judged.release).model;
  const observed = withLoaded({ ...booted, buildId }, snapshot, payloads);
  const isDebug = image.findings.some(({ code }) => code === 'image-debug-build');
  const unknown = [
    ...assumed(judged, snapshot),
    ...(isDebug ? [DEBUG_LINES] : []),
    ...observed.unknown,
  ];
  return { ...observed, unknown, version, symbols: image.symbols, image: async () => image };
}

const DEBUG_LINES = 'the lines that only a debug build prints (dprintk)';

/**
 * Whose rules count: those of the release that was named, or else that of the image, since a payload may replace
 * what the hypervisor says of its version, or else what it says.
 */
export function judgedRelease(
  named: XenRelease | null,
  said: XenRelease,
  ofImage: XenRelease | null,
): JudgedRelease {
  if (named !== null) return { release: named, assumption: null };
  const isSame = ofImage?.major === said.major && ofImage.minor === said.minor;
  const judged = judgedAs(isSame && ofImage.patch !== null ? ofImage : said);
  if (judged.assumption !== null || judged.release.patch !== null) return judged;
  const branch = formatRelease(judged.release);
  return {
    ...judged,
    assumption: `the patch level of this Xen ${branch} is not known, the rules of the last ${branch} are taken`,
  };
}

/**
 * A model of the Xen that runs here, of which no image was found, by the symbols that it lists itself
 * (`xensyms`, null where they cannot be read).
 */
export function modelWithoutImage(
  snapshot: Snapshot,
  xensyms: string | null,
  payloads: readonly PayloadInput[],
  judged: JudgedRelease = judgedAs(snapshot.hypervisor.release),
): PreflightModel {
  const { buildId, version } = snapshot.hypervisor;
  const why = `no image with the running Xen's build-id ${buildId} was found in /boot or /usr/lib/debug; name it with --image`;
  if (buildId === null || xensyms === null) return { model: null, why };
  const symbols = readXensyms(xensyms);
  const booted = modelFromSymbols({ buildId, release: judged.release, symbols });
  if (typeof booted === 'string') return { model: null, why: `${why} (${booted})` };
  const { model, opaque, unknown } = withLoaded(booted, snapshot, payloads);
  const noImage = () =>
    Promise.reject(
      new XspliceError('host-no-image', `Of the running Xen, only the symbols are known: ${why}`),
    );
  return {
    ...{ model, opaque, version, symbols },
    unknown: [...assumed(judged, snapshot), UNKNOWN_BYTES, ...unknown],
    image: noImage,
  };
}

function assumed({ assumption }: JudgedRelease, snapshot: Snapshot): readonly string[] {
  return [assumption, vendorAssumption(snapshot)].filter((text) => text !== null);
}

/** The model with what is loaded, as far as it is known, and what is not, in words. */
function withLoaded(
  booted: Model,
  snapshot: Snapshot,
  payloads: readonly PayloadInput[],
): {
  readonly model: Model;
  readonly opaque: readonly string[];
  readonly unknown: readonly string[];
} {
  const { model, opaque } = modelForSnapshot(booted, snapshot, byBuildId(payloads));
  const names = opaque.map(nameText).join(', ');
  const unknown = opaque.length === 0 ? [] : [`symbols, hooks and code of ${names}, loaded before`];
  return { model, opaque, unknown };
}

/** Contents of these payload files by their own build-id. */
function byBuildId(payloads: readonly PayloadInput[]): ReadonlyMap<BuildId, Uint8Array> {
  return new Map(
    payloads.flatMap(({ input, planned }) =>
      planned.buildId === null ? [] : [[planned.buildId, input.bytes] as const],
    ),
  );
}
