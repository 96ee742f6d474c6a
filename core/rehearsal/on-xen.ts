import {
  type Archive,
  bootableOf,
  bootFiles,
  isInstalled,
  isKvmUsable,
  QEMU,
  run,
  Unavailable,
} from '../boot/index.js';
import { XspliceError } from '../findings/index.js';
import { type HypervisorImage, readImage } from '../image/index.js';
import { type OpenStage, openStage, stopped, type TestFile } from './open-stage.js';
import type { PayloadRehearsal, Rehearsal } from './rehearsal.js';
import { type RehearsalPlan, rehearse, rehearseDeadly } from './rehearse.js';

/** What is booted, and how. */
export interface XenRehearsalRequest {
  readonly hypervisor: { readonly file: string; readonly bytes: Uint8Array };
  /** Of the same build. */
  readonly image: HypervisorImage;
  /** Null takes Debian's. */
  readonly kernel: string | null;
  readonly tests: readonly TestFile[];
  readonly accelerator: 'auto' | Accelerator;
  /** Have payloads whose verdict is fatal tried too, each on a hypervisor of its own. */
  readonly withFatal: boolean;
  /** Where the parts of a dom0 come from. */
  readonly archive: Archive;
  readonly signal: AbortSignal;
}

type Accelerator = 'kvm' | 'tcg';

/** A rehearsal, and what it ran on. */
export interface XenRehearsal {
  readonly rehearsal: Rehearsal;
  /** As it said of itself. */
  readonly hypervisor: { readonly buildId: string | null; readonly version: string };
  readonly accelerator: Accelerator;
  /** Why it did not run by KVM, where that was tried; else null. */
  readonly withoutKvm: string | null;
  /** QEMU's own words. */
  readonly qemu: string;
  readonly kernelVersion: string;
  readonly bootMs: number;
}

/** An emulated machine on a busy one takes its time. */
const BOOT_LIMIT_MS = 300_000;
/** Where KVM works, it is there in seconds. */
const KVM_BOOT_LIMIT_MS = 60_000;

/**
 * Boots the hypervisor and carries the plan out on it. Fails with `wrong-image` where it is another build than the image
 * that the verdicts are from, with `not-bootable`, and as openStage and rehearse do.
 */
export async function performOnXen(
  plan: RehearsalPlan,
  request: XenRehearsalRequest,
): Promise<XenRehearsal> {
  const { hypervisor, image, kernel, archive, signal, withFatal } = request;
  const bytes = bootableOf(hypervisor.file, hypervisor.bytes);
  requireSameBuild(readImage(hypervisor.bytes, hypervisor.file), image);
  if (!isInstalled(QEMU)) throw new Unavailable(`${QEMU} is not installed on this machine`);
  plan.onProgress?.('getting the parts of a dom0');
  const dom0 = await bootFiles(archive, kernel);
  const open = (accelerator: Accelerator) =>
    openStage({
      ...{ accelerator, hypervisor: bytes, dom0, tests: request.tests, signal },
      bootLimitMs: accelerator === 'kvm' ? KVM_BOOT_LIMIT_MS : BOOT_LIMIT_MS,
    });
  plan.onProgress?.('booting Xen');
  const { stage, accelerator, withoutKvm } = await opened(request.accelerator, open);
  try {
    const { hypervisor: said } = await stage.port.observe();
    const rehearsal = await rehearse(plan, stage);
    await stage.close();
    const payloads = withFatal
      ? await withDeadly(plan, rehearsal, () => open(accelerator))
      : rehearsal.payloads;
    return {
      rehearsal: { ...rehearsal, payloads },
      hypervisor: { buildId: said.buildId, version: said.version },
      ...{ accelerator, withoutKvm, bootMs: stage.bootMs },
      qemu: qemuVersion(),
      kernelVersion: dom0.kernelVersion,
    };
  } catch (error) {
    throw signal.aborted ? stopped() : error;
  } finally {
    await stage.close();
  }
}

interface Opened {
  readonly stage: OpenStage;
  readonly accelerator: Accelerator;
  readonly withoutKvm: string | null;
}

/** By KVM where it is there and works. */
async function opened(
  wanted: 'auto' | Accelerator,
  open: (accelerator: Accelerator) => Promise<OpenStage>,
): Promise<Opened> {
  if (wanted !== 'auto') {
    return { stage: await open(wanted), accelerator: wanted, withoutKvm: null };
  }
  let withoutKvm = 'there is no /dev/kvm that may be used';
  if (isKvmUsable()) {
    try {
      return { stage: await open('kvm'), accelerator: 'kvm', withoutKvm: null };
    } catch (error) {
      const mayBeKvm =
        error instanceof XspliceError &&
        ['rehearsal-not-booted', 'rehearsal-unavailable'].includes(error.code);
      if (!mayBeKvm) throw error;
      withoutKvm = error.message;
    }
  }
  return { stage: await open('tcg'), accelerator: 'tcg', withoutKvm };
}

/** The same payloads, of which those that were not tried since they may kill Xen now were. */
async function withDeadly(
  plan: RehearsalPlan,
  { payloads }: Rehearsal,
  open: () => Promise<OpenStage>,
): Promise<readonly PayloadRehearsal[]> {
  const all: PayloadRehearsal[] = [];
  for (const payload of payloads) {
    const performer = plan.performers.find(({ file }) => file === payload.file);
    if (!payload.isDeadly || performer === undefined) {
      all.push(payload);
      continue;
    }
    plan.onProgress?.(`booting Xen for ${payload.file}`);
    const stage = await open();
    try {
      all.push(await rehearseDeadly(plan, performer, stage));
    } finally {
      await stage.close();
    }
  }
  return all;
}

function requireSameBuild(booted: HypervisorImage, { file, buildIds }: HypervisorImage): void {
  const isSame = booted.buildIds.some(({ id }) => buildIds.some((other) => other.id === id));
  if (isSame) return;
  const [own, other] = [booted, { buildIds }].map((one) => one.buildIds[0]?.id ?? 'missing');
  throw new XspliceError(
    'wrong-image',
    `${file} is not of the build of ${booted.file}: its build-id is ${other}, the other's is ${own}`,
    { hint: 'Name the xen.gz and the xen-syms of one build.' },
  );
}

function qemuVersion(): string {
  const [line = ''] = run(QEMU, ['--version']).toString('utf8').split('\n');
  return line.replace(/^QEMU emulator version /, '');
}
