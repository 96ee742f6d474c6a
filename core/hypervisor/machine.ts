import type { KeptFolder } from '../files/index.js';

/**
 * The files of the machine that a hypervisor runs on, as far as this program reads or keeps any there: what
 * xenfs and /boot tell of the hypervisor, and what is noted below /run. None of that is needed: what cannot be
 * had is absent. And the lock under which it is changed.
 */
export interface HostMachine {
  /** Contents; null where there is none, where it cannot be read, and where it is larger than this. */
  read(path: string, maxBytes?: number): Promise<Uint8Array | null>;
  /** Names in a folder, sorted; empty where it cannot be read. */
  list(folder: string): Promise<readonly string[]>;
  /** Puts a file in place at once, for its owner alone; does nothing where it cannot be written. */
  note(path: string, text: string): Promise<void>;
  /** What was noted; null where there is nothing, or somebody else could have written it. */
  noted(path: string): Promise<Uint8Array | null>;
  /**
   * Runs something while no other run of this program is under the lock of this folder, on this machine. `what` is
   * locked, in words. Fails with `state-locked`, and where there can be no lock.
   */
  exclusive<T>(folder: string, what: string, run: () => Promise<T>): Promise<T>;
  /** Where the machine keeps what is to outlive a boot. */
  kept(path: string): KeptFolder;
}
