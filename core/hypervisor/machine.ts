/**
 * The files of the machine that a hypervisor runs on, as far as this program reads or keeps any there: what
 * xenfs and /boot tell of the hypervisor, and what is noted below /run. None of it is needed: what cannot be
 * had is absent.
 */
export interface HostMachine {
  /** Contents; null where there is none, where it cannot be read, and where it is larger than this. */
  read(path: string, maxBytes?: number): Promise<Uint8Array | null>;
  /** Names in a folder, sorted; empty where it cannot be read. */
  list(folder: string): Promise<readonly string[]>;
  /** Puts a file in place at once, for its owner alone; does nothing where it cannot be written. */
  note(path: string, text: string): Promise<void>;
}
