import type { HypervisorPort } from '../hypervisor/index.js';

/** What one run of a test in dom0 came to. */
export interface TestRun {
  /** Exit status; the negative number of the signal that ended it; null where it did not end in time and was killed. */
  readonly status: number | null;
  /** What it wrote to standard output and standard error, up to a limit; untrusted. */
  readonly output: Uint8Array;
  /** More than is in `output`, where it was more. */
  readonly outputBytes: number;
}

/** How a hypervisor that was booted for this ended. */
export interface StageEnd {
  /** `died`: Xen or dom0's kernel said so. `lost`: what it ran in ended. */
  readonly kind: 'died' | 'lost';
  /** In its own words; untrusted. */
  readonly reason: string;
}

/** A hypervisor on which payloads are tried, with nothing loaded. */
export interface Stage {
  readonly port: HypervisorPort;
  /** Runs the test of this number in dom0. Fails with `test-not-run` where it cannot be started. */
  runTest(index: number, limitMs: number): Promise<TestRun>;
  /** Null while it lives. */
  end(): StageEnd | null;
  /** The end of what Xen and dom0's kernel printed, for those who want to know why; untrusted. */
  console(): string;
  /** Safe to call twice. */
  close(): Promise<void>;
}
