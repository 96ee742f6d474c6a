import type { XenAnswer } from '../verify/index.js';

/** What Xen answers to the upload of one payload on an otherwise empty hypervisor. */
export interface FileVerdict extends XenAnswer {
  readonly file: string;
  readonly name: string;
  /**
   * What it answers to upload and apply with just the payload's parents applied; null where one of them
   * is not among the files or not accepted itself. Of an alternative: to upload and REPLACE.
   */
  readonly inChain: XenAnswer | null;
}
