import type { XenRelease } from '../abi/release.js';
import type { KeptFolder } from '../files/index.js';
import type { Finding } from '../findings/index.js';
import type { HypervisorPort, Snapshot } from '../hypervisor/index.js';
import type { HypervisorImage, SymbolTable } from '../image/index.js';
import type { PayloadInput } from '../payload/index.js';
import type { Model } from '../verify/index.js';

/** A model to try a plan on, with what is not known of it in words; or why there is none. */
export type PreflightModel =
  | {
      readonly model: Model;
      readonly version: string;
      readonly unknown: readonly string[];
      /** Names of loaded payloads whose contents are not at hand, unescaped. */
      readonly opaque: readonly string[];
      /** The hypervisor's symbols, with sizes as far as they are known. */
      readonly symbols: SymbolTable;
      /** The image that was booted. Fails with `host-no-image` where it is not at hand. */
      image(): Promise<HypervisorImage>;
    }
  | { readonly model: null; readonly why: string };

/** What the caller knows of a hypervisor that it does not tell itself. */
export interface HostKnowledge {
  /** The file it was booted from. */
  readonly image?: HypervisorImage | null;
  /** The release whose rules count; null, the default, is what it says it is. */
  readonly release?: XenRelease | null;
}

/** The time since a machine booted. */
export interface MachineClock {
  /** Of the boot that it counts from. */
  readonly bootId: string;
  /** With the time for which it was suspended. */
  readonly uptimeMs: number;
}

/** What a host's machine took back by itself. */
export interface TookBack {
  /** When the change began that it was about, as its own time said it; null where that cannot be read. */
  readonly since: string | null;
  readonly finding: Finding;
}

/** A hypervisor that can be operated, and a copy of it that can be tried on. */
export interface OpenHost {
  readonly port: HypervisorPort;
  /** Of this snapshot; payloads that are loaded are known better where their files are among these. */
  preflightModel(snapshot: Snapshot, payloads: readonly PayloadInput[]): Promise<PreflightModel>;
  /** Where the host keeps what is known of it, on its own machine. */
  readonly memory: KeptFolder;
  /** Where its machine says what may be done with it; null where that is this machine. */
  readonly rules: KeptFolder | null;
  /** Equal as long as the hypervisor runs, and never again; null where it cannot be told. */
  bootId(): Promise<string | null>;
  /** The clock of its machine, which nobody sets; null where it cannot be told. */
  clock(): Promise<MachineClock | null>;
  /**
   * What its machine took back by itself since the last change ended in order, because nobody said any more what is to be
   * done; null where that is nothing.
   */
  tookBack(): Promise<TookBack | null>;
}
